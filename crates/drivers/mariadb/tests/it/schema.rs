use driver_mariadb::{ForeignKey, ObjectRef, RoutineKind};

use crate::{connect, database, run};

const SCHEMA: &str = "
CREATE TABLE authors (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT 'x', KEY by_name (name));
CREATE TABLE books (
  shelf INT, place INT, author INT, title TEXT COMMENT 'a; b',
  slug VARCHAR(20) AS (LEFT(title, 20)) STORED, parent_shelf INT, parent_place INT,
  PRIMARY KEY (place, shelf),
  CONSTRAINT by_author FOREIGN KEY (author) REFERENCES authors (id),
  CONSTRAINT positive CHECK (shelf > 0)
);
CREATE VIEW v AS SELECT 1 AS a;
CREATE TRIGGER second_ BEFORE INSERT ON books FOR EACH ROW SET NEW.shelf = 2;
CREATE TRIGGER first_ BEFORE INSERT ON books FOR EACH ROW PRECEDES second_ BEGIN SET NEW.shelf = 1; END;
CREATE PROCEDURE p() BEGIN SELECT 1; END;
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
";

#[tokio::test]
async fn objects_are_found_where_they_are_and_nowhere_else() {
    let target = database("schema");
    let mut session = connect(&target).await;
    run(&mut session, SCHEMA).await;
    let database = target.database();
    let at = |name| ObjectRef::new(database, name);
    let books = at("books");

    assert!(session.database_exists(database).await.unwrap());
    assert!(!session.database_exists("backout_missing").await.unwrap());
    assert!(session.table_exists(books).await.unwrap());
    assert!(!session.table_exists(at("v")).await.unwrap());
    assert!(session.view_exists(at("v")).await.unwrap());
    assert!(!session.view_exists(books).await.unwrap());
    assert!(session.column_exists(books, "slug").await.unwrap());
    assert!(!session.column_exists(books, "missing").await.unwrap());
    assert!(!session.column_exists(at("missing"), "slug").await.unwrap());
    assert!(session.index_exists(at("authors"), "by_name").await.unwrap());
    assert!(!session.index_exists(books, "by_name").await.unwrap());
    for constraint in ["by_author", "positive", "PRIMARY"] {
        assert!(session.constraint_exists(books, constraint).await.unwrap(), "{constraint}");
    }
    assert!(!session.constraint_exists(at("authors"), "by_author").await.unwrap());
    assert!(session.trigger_exists(at("first_")).await.unwrap());
    assert!(session.event_exists(at("e")).await.unwrap());
    assert!(session.routine_exists(RoutineKind::Procedure, at("p")).await.unwrap());
    assert!(!session.routine_exists(RoutineKind::Function, at("p")).await.unwrap());
    assert_eq!(session.primary_key(books).await.unwrap(), ["place", "shelf"]);
    assert!(session.show_create_table(books).await.unwrap().starts_with("CREATE TABLE `books`"));
    let missing = session.show_create_table(at("missing")).await.unwrap_err();
    assert_eq!(missing.code(), Some(1146));
}

#[tokio::test]
async fn columns_are_described() {
    let target = database("columns");
    let mut session = connect(&target).await;
    run(&mut session, SCHEMA).await;
    let columns = session.columns(ObjectRef::new(target.database(), "books")).await.unwrap();
    let slug = &columns[4];
    assert_eq!((slug.name.as_str(), slug.position), ("slug", 5));
    assert_eq!(slug.column_type, "varchar(20)");
    assert!(slug.nullable && slug.extra.contains("STORED"));
    assert_eq!(slug.generated.as_deref(), Some("left(`title`,20)"));
    assert_eq!(columns[3].comment, "a; b");
    let missing = ObjectRef::new(target.database(), "missing");
    assert!(session.columns(missing).await.unwrap().is_empty());
}

#[tokio::test]
async fn triggers_come_back_by_their_definitions() {
    let target = database("triggers");
    let mut session = connect(&target).await;
    run(&mut session, SCHEMA).await;
    let books = ObjectRef::new(target.database(), "books");
    let triggers = session.triggers(books).await.unwrap();
    let names: Vec<_> = triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    assert_eq!(names, ["first_", "second_"]);

    session.execute("DROP TRIGGER first_").await.unwrap();
    session.execute("DROP TRIGGER second_").await.unwrap();
    for trigger in &triggers {
        let mode = format!("SET sql_mode = '{}'", trigger.sql_mode);
        session.execute(&mode).await.unwrap();
        session.execute(&trigger.create).await.unwrap();
    }
    let again = session.triggers(books).await.unwrap();
    let names: Vec<_> = again.iter().map(|trigger| trigger.name.as_str()).collect();
    assert_eq!(names, ["first_", "second_"]);
}

#[tokio::test]
async fn foreign_keys_are_found_from_both_ends() {
    let target = database("keys");
    let mut session = connect(&target).await;
    run(&mut session, SCHEMA).await;
    run(
        &mut session,
        "ALTER TABLE books ADD CONSTRAINT self FOREIGN KEY (parent_place, parent_shelf) \
         REFERENCES books (place, shelf)",
    )
    .await;
    let (authors, books) = (ObjectRef::new(target.database(), "authors"), ObjectRef::new(target.database(), "books"));
    let key = |name: &str| ForeignKey { database: target.database().into(), table: "books".into(), name: name.into() };
    assert_eq!(session.referencing_foreign_keys(authors).await.unwrap(), [key("by_author")]);
    // A table that points at itself can still be moved.
    assert_eq!(session.referencing_foreign_keys(books).await.unwrap(), []);
    assert_eq!(session.foreign_keys(books).await.unwrap(), [key("by_author"), key("self")]);
}
