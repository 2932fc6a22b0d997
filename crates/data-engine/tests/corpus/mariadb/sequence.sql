-- A sequence is not understood: the plan warns, the down runs as it is, and the next up begins anew. A step that is taken
-- back stops for a person.
-- # seed
CREATE TABLE tickets (id BIGINT PRIMARY KEY);
-- # up
CREATE SEQUENCE ticket_numbers START WITH 100 INCREMENT BY 10 NOCACHE;
-- # write
INSERT INTO tickets VALUES (NEXTVAL(ticket_numbers)), (NEXTVAL(ticket_numbers));
-- # down
DROP SEQUENCE ticket_numbers;
-- # promised
ALTER SEQUENCE ticket_numbers RESTART;
-- # refused taking back
it is not understood
