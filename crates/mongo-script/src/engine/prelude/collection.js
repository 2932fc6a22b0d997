// A collection's methods, each of which makes one database command (or a few).

const operators = (update) => Object.keys(update).some((key) => key.startsWith("$"));
const checkUpdate = (update, method) => {
  if (Array.isArray(update)) return update;
  need(update, method, "an update");
  if (!Object.keys(update).every((key) => key.startsWith("$")) || !operators(update)) {
    argument(method + " needs update operators such as $set; replaceOne replaces a document");
  }
  return update;
};
const checkReplacement = (document, method) => {
  if (operators(need(document, method, "a replacement"))) argument(method + " takes no update operators");
  return document;
};

const commandOptions = ["comment", "maxTimeMS", "let", "writeConcern"];
const split = (options) => {
  const statement = {};
  const command = {};
  for (const key of Object.keys(options)) (commandOptions.includes(key) ? command : statement)[key] = options[key];
  return { statement, command };
};

const updated = (reply) => {
  const upserted = reply.upserted || [];
  return {
    acknowledged: true,
    insertedId: upserted.length ? upserted[0]._id : null,
    matchedCount: reply.n - upserted.length,
    modifiedCount: reply.nModified === undefined ? 0 : reply.nModified,
    upsertedCount: upserted.length,
  };
};
const deleted = (reply) => ({ acknowledged: true, deletedCount: reply.n });

const updateCommand = (at, filter, update, multi, options) => {
  const { statement, command } = split(options);
  return { update: at.collection, updates: [{ q: filter, u: update, multi, ...statement }], ...command };
};
const update = (at, method, filter, change, multi, options) =>
  result(at, method, updateCommand(at, need(filter, method, "a filter"), change, multi,
    chosen(options, ["upsert", "arrayFilters", "collation", "hint", "sort", ...commandOptions], method)), updated);
const remove = (at, method, filter, limit, options) => {
  const { statement, command } = split(chosen(options, ["collation", "hint", ...commandOptions], method));
  return result(at, method, {
    delete: at.collection,
    deletes: [{ q: need(filter, method, "a filter"), limit, ...statement }],
    ...command,
  }, deleted);
};

// The server accepts 16 MiB in a command; a batch stays well below.
const BATCH_LENGTH = 4 * 1024 * 1024;
const BATCH_DOCUMENTS = 1000;
const withId = (document, method) => {
  need(document, method, "a document");
  return document._id === undefined ? { _id: ObjectId(), ...document } : document;
};
const insert = (at, method, documents, options) => {
  const { ordered = true, ...rest } = chosen(options, ["ordered", "bypassDocumentValidation", ...commandOptions], method);
  const whole = documents.map((document) => withId(document, method));
  let batch = [];
  let length = 0;
  const flush = () => {
    if (batch.length) send(at, method, { insert: at.collection, documents: batch, ordered, ...rest });
    batch = [];
    length = 0;
  };
  for (const document of whole) {
    const size = stringify(encode(document)).length;
    if (batch.length >= BATCH_DOCUMENTS || length + size > BATCH_LENGTH) flush();
    batch.push(document);
    length += size;
  }
  flush();
  return whole.map((document) => document._id);
};

const findAndModify = (at, method, query, change, options, after) => {
  const { projection, returnDocument, returnNewDocument, ...rest } = chosen(options,
    ["projection", "sort", "upsert", "arrayFilters", "collation", "hint", "returnDocument", "returnNewDocument", ...commandOptions], method);
  const command = { findAndModify: at.collection, query: need(query, method, "a filter"), ...change, ...rest };
  if (projection !== undefined) command.fields = projection;
  if (after) command.new = returnDocument === "after" || returnNewDocument === true;
  return plain(at, method, command, ({ value }) => (value === undefined ? null : value));
};

// Index names as the server's shell makes them: `metadata.version_1_title_text`.
const indexName = (key) => Object.keys(key).map((field) => field + "_" + String(key[field])).join("_");
const indexOptions = (options, method) => {
  const { comment, commitQuorum, writeConcern, ...rest } = optional(options, method, "options");
  const command = {};
  for (const [name, value] of Object.entries({ comment, commitQuorum, writeConcern })) {
    if (value !== undefined) command[name] = value;
  }
  return { rest, command };
};
const keySpecification = (key, method) => {
  if (typeof key === "string") return { [key]: 1 };
  if (Object.keys(need(key, method, "a key")).length === 0) argument(method + " needs at least one field");
  return key;
};
const createIndexes = (at, method, keys, options) => {
  const { rest, command } = indexOptions(options, method);
  const indexes = keys.map((given) => {
    const key = keySpecification(given, method);
    return { key, name: indexName(key), ...rest };
  });
  send(at, method, { createIndexes: at.collection, indexes, ...command });
  return indexes.map((index) => index.name);
};

const writes = (pipeline) => pipeline.some((stage) => isDocument(stage) && ("$merge" in stage || "$out" in stage));
const aggregate = (at, stages, options) => {
  const { batchSize, ...rest } = chosen(options,
    ["allowDiskUse", "batchSize", "bypassDocumentValidation", "collation", "hint", "readConcern", ...commandOptions], "aggregate");
  const target = at.collection === undefined ? 1 : at.collection;
  const build = ({ batchSize: size = batchSize, ...settings }) => ({
    aggregate: target,
    pipeline: stages,
    cursor: size === undefined ? {} : { batchSize: size },
    ...rest,
    ...settings,
  });
  if (!writes(stages)) return makeCursor(at, "aggregate", build, false);
  return result(at, "aggregate", build({}), () => undefined);
};
const stagesOf = (given) => {
  if (Array.isArray(given[0])) return [given[0], given[1]];
  return [given.map((stage) => need(stage, "aggregate", "a stage")), undefined];
};

const find = (at, filter, projection, options) => {
  const given = chosen(options, cursorOptions, "find");
  const first = optional(filter, "find", "a filter");
  const fields = optional(projection, "find", "a projection");
  const build = (settings) => {
    const command = { find: at.collection, filter: first };
    if (Object.keys(fields).length) command.projection = fields;
    Object.assign(command, given, settings);
    if (command.limit < 0) Object.assign(command, { limit: -command.limit, singleBatch: true });
    return command;
  };
  return { build, cursor: () => makeCursor(at, "find", build, true) };
};

// One operation for each statement, so that each is journalled and judged by itself.
const bulkStatements = {
  insertOne: (at, { document }) => insert(at, "bulkWrite", [document]),
  updateOne: (at, { filter, update: change, ...options }) =>
    update(at, "bulkWrite", filter, checkUpdate(change, "updateOne"), false, options),
  updateMany: (at, { filter, update: change, ...options }) =>
    update(at, "bulkWrite", filter, checkUpdate(change, "updateMany"), true, options),
  replaceOne: (at, { filter, replacement, ...options }) =>
    update(at, "bulkWrite", filter, checkReplacement(replacement, "replaceOne"), false, options),
  deleteOne: (at, { filter, ...options }) => remove(at, "bulkWrite", filter, 1, options),
  deleteMany: (at, { filter, ...options }) => remove(at, "bulkWrite", filter, 0, options),
};
const bulkCounts = { insertedCount: 0, matchedCount: 0, modifiedCount: 0, deletedCount: 0, upsertedCount: 0 };

const collectionMethods = {
  insertOne: (at, document, options) => ({ acknowledged: true, insertedId: insert(at, "insertOne", [document], options)[0] }),
  insertMany(at, documents, options) {
    if (!Array.isArray(documents)) argument("insertMany needs an array of documents");
    return { acknowledged: true, insertedIds: { ...insert(at, "insertMany", documents, options) } };
  },
  insert: (at, documents, options) =>
    ({ acknowledged: true, insertedIds: { ...insert(at, "insert", [].concat(documents), options) } }),
  updateOne: (at, filter, change, options) => update(at, "updateOne", filter, checkUpdate(change, "updateOne"), false, options),
  updateMany: (at, filter, change, options) => update(at, "updateMany", filter, checkUpdate(change, "updateMany"), true, options),
  update(at, filter, change, { multi = false, ...options } = {}) {
    return update(at, "update", filter, checkUpdate(change, "update"), multi, options);
  },
  replaceOne: (at, filter, document, options) =>
    update(at, "replaceOne", filter, checkReplacement(document, "replaceOne"), false, options),
  deleteOne: (at, filter, options) => remove(at, "deleteOne", filter, 1, options),
  deleteMany: (at, filter, options) => remove(at, "deleteMany", filter, 0, options),
  remove: (at, filter, options) =>
    remove(at, "remove", filter, options === true || (options && options.justOne) ? 1 : 0, undefined),
  bulkWrite(at, statements, options) {
    const { ordered = true } = chosen(options, ["ordered", ...commandOptions], "bulkWrite");
    if (!ordered) argument("bulkWrite keeps the order of its statements here; ordered: false is not supported");
    if (!Array.isArray(statements)) argument("bulkWrite needs an array of statements");
    const total = { acknowledged: true, ...bulkCounts };
    const replies = statements.map((statement) => {
      const [kind, ...others] = Object.keys(need(statement, "bulkWrite", "a statement"));
      if (others.length || !Object.hasOwn(bulkStatements, kind)) unknown("bulkWrite", kind, Object.keys(bulkStatements));
      return [kind, bulkStatements[kind](at, statement[kind])];
    });
    const lookUp = (field) => {
      if (native.record) used("bulkWrite");
      return replies.reduce((sum, [kind, reply]) =>
        sum + (kind === "insertOne" ? Number(field === "insertedCount") : reply[field] || 0), 0);
    };
    for (const field of Object.keys(bulkCounts)) {
      Object.defineProperty(total, field, { get: () => lookUp(field), enumerable: true });
    }
    return total;
  },
  createIndex: (at, key, options) => createIndexes(at, "createIndex", [key], options)[0],
  ensureIndex: (at, key, options) => createIndexes(at, "ensureIndex", [key], options)[0],
  createIndexes(at, keys, options) {
    if (!Array.isArray(keys)) argument("createIndexes needs an array of keys");
    return createIndexes(at, "createIndexes", keys, options);
  },
  dropIndex(at, index) {
    if (index === "*") argument("dropIndex drops one index; dropIndexes drops them all");
    if (typeof index !== "string") need(index, "dropIndex", "a name or a key");
    return result(at, "dropIndex", { dropIndexes: at.collection, index }, (reply) => reply);
  },
  dropIndexes: (at, indexes = "*") => result(at, "dropIndexes", { dropIndexes: at.collection, index: indexes }, (reply) => reply),
  hideIndex: (at, name) => result(at, "hideIndex", { collMod: at.collection, index: { name, hidden: true } }, (reply) => reply),
  unhideIndex: (at, name) => result(at, "unhideIndex", { collMod: at.collection, index: { name, hidden: false } }, (reply) => reply),
  drop: (at) => plain(at, "drop", { drop: at.collection }, () => true),
  renameCollection(at, name, dropTarget = false) {
    if (typeof name !== "string" || !name) argument("renameCollection needs the new name");
    const database = at.database === null ? native.database : at.database;
    const command = { renameCollection: database + "." + at.collection, to: database + "." + name };
    if (dropTarget) command.dropTarget = true;
    return result({ ...at, database: "admin" }, "renameCollection", command, (reply) => reply);
  },
  find: (at, filter, projection, options) => find(at, filter, projection, options).cursor(),
  findOne(at, filter, projection, options) {
    const command = { ...find(at, filter, projection, options).build({}), limit: 1, singleBatch: true };
    return plain(at, "findOne", command, ({ cursor }) => (cursor.firstBatch.length ? cursor.firstBatch[0] : null));
  },
  findOneAndUpdate: (at, filter, change, options) =>
    findAndModify(at, "findOneAndUpdate", filter, { update: checkUpdate(change, "findOneAndUpdate") }, options, true),
  findOneAndReplace: (at, filter, document, options) =>
    findAndModify(at, "findOneAndReplace", filter, { update: checkReplacement(document, "findOneAndReplace") }, options, true),
  findOneAndDelete: (at, filter, options) => findAndModify(at, "findOneAndDelete", filter, { remove: true }, options, false),
  findAndModify: (at, command) =>
    plain(at, "findAndModify", { findAndModify: at.collection, ...need(command, "findAndModify", "a command") },
      ({ value }) => (value === undefined ? null : value)),
  countDocuments(at, filter, options) {
    const { skip, limit, ...rest } = chosen(options, ["skip", "limit", "hint", "collation", ...commandOptions], "countDocuments");
    const pipeline = [{ $match: optional(filter, "countDocuments", "a filter") }];
    if (skip !== undefined) pipeline.push({ $skip: skip });
    if (limit !== undefined) pipeline.push({ $limit: limit });
    pipeline.push({ $group: { _id: 1, n: { $sum: 1 } } });
    return plain(at, "countDocuments", { aggregate: at.collection, pipeline, cursor: {}, ...rest },
      ({ cursor: { firstBatch } }) => (firstBatch.length ? Number(firstBatch[0].n) : 0));
  },
  estimatedDocumentCount: (at) => plain(at, "estimatedDocumentCount", { count: at.collection }, ({ n }) => Number(n)),
  count: (at, filter) =>
    plain(at, "count", { count: at.collection, query: optional(filter, "count", "a filter") }, ({ n }) => Number(n)),
  distinct: (at, key, filter) =>
    plain(at, "distinct", { distinct: at.collection, key: String(key), query: optional(filter, "distinct", "a filter") },
      ({ values }) => values),
  aggregate(at, ...given) {
    const [stages, options] = stagesOf(given);
    return aggregate(at, stages, options);
  },
  getIndexes: (at) => listed(at, "getIndexes", { listIndexes: at.collection, cursor: {} }),
  getName: (at) => at.collection,
  getFullName: (at) => (at.database === null ? native.database : at.database) + "." + at.collection,
  getDB: (at) => database(at.database),
  isCapped: (at) => plain(at, "isCapped", { collStats: at.collection }, ({ capped }) => Boolean(capped)),
  stats: (at) => plain(at, "stats", { collStats: at.collection }, (reply) => reply),
};

// Lists such as those of indexes and collections: small, but paged like any cursor.
function listed(at, method, command) {
  const first = plain(at, method, command, ({ cursor }) => cursor);
  if (native.record) return undefined;
  const all = [...first.firstBatch];
  for (let id = NumberLong(first.id); id.value !== 0n; ) {
    const namespace = first.ns.slice(first.ns.indexOf(".") + 1);
    const page = decode(send(at, "getMore", { getMore: id, collection: namespace })).cursor;
    all.push(...page.nextBatch);
    id = NumberLong(page.id);
  }
  return all;
}

const readOnly = (noun) => ({
  set: (_, key) => argument("cannot assign to " + String(key) + " of " + noun),
  deleteProperty: (_, key) => argument("cannot delete " + String(key) + " of " + noun),
  defineProperty: (_, key) => argument("cannot define " + String(key) + " of " + noun),
});

// A property that is no method names a collection, so a misspelt method shows only when called.
function collection(databaseName, name) {
  if (typeof name !== "string" || !name || name.includes("\0")) argument("a collection needs a name");
  const at = { database: databaseName, collection: name };
  const misspelt = placed(() => {
    const dot = name.lastIndexOf(".");
    if (dot < 0) unknown("db", name, Object.keys(databaseMethods));
    unknown("collection " + name.slice(0, dot), name.slice(dot + 1), Object.keys(collectionMethods));
  }, at);
  return new Proxy(() => {}, {
    get(_, key) {
      if (key === shown) return (databaseName === null ? native.database : databaseName) + "." + name;
      if (key === Symbol.toPrimitive || key === "toString") return () => name;
      if (typeof key === "symbol" || ["then", "toJSON", "constructor", "prototype"].includes(key)) return undefined;
      if (Object.hasOwn(collectionMethods, key)) return placed(collectionMethods[key], at);
      return collection(databaseName, name + "." + key);
    },
    apply: () => misspelt(),
    ...readOnly("collection " + name),
  });
}
