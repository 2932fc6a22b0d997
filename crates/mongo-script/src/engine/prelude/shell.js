// The database object and the shell's globals.

const command = (at, given) => {
  const document = typeof given === "string" ? { [given]: 1 } : need(given, "runCommand", "a command");
  const [name] = Object.keys(document);
  if (name === undefined) argument("runCommand needs a command");
  const target = document[name];
  return [{ ...at, collection: typeof target === "string" ? target : undefined }, document];
};

const databaseMethods = {
  getCollection: (at, name) => collection(at.database, name),
  getSiblingDB: (_, name) => database(name),
  getName: (at) => (at.database === null ? native.database : at.database),
  createCollection(at, name, options) {
    if (typeof name !== "string" || !name) argument("createCollection needs a name");
    return result({ ...at, collection: name }, "createCollection",
      { create: name, ...optional(options, "createCollection", "options") }, (reply) => reply);
  },
  createView(at, name, source, pipeline = [], options = undefined) {
    if (typeof name !== "string" || typeof source !== "string") argument("createView needs a name and a source");
    return result({ ...at, collection: name }, "createView",
      { create: name, viewOn: source, pipeline, ...optional(options, "createView", "options") }, (reply) => reply);
  },
  dropDatabase: (at) => result(at, "dropDatabase", { dropDatabase: 1 }, (reply) => reply),
  runCommand: (at, given) => {
    const [target, document] = command(at, given);
    return result(target, "runCommand", document, (reply) => reply);
  },
  adminCommand(at, given) {
    const [target, document] = command({ ...at, database: "admin" }, given);
    return result(target, "adminCommand", document, (reply) => reply);
  },
  aggregate: (at, stages, options) => aggregate(at, stages, options),
  getCollectionNames: (at) => {
    const all = listed(at, "getCollectionNames", { listCollections: 1, nameOnly: true, cursor: {} });
    return native.record ? undefined : all.map(({ name }) => name).sort();
  },
  getCollectionInfos: (at, filter) =>
    listed(at, "getCollectionInfos", { listCollections: 1, filter: optional(filter, "getCollectionInfos", "a filter"), cursor: {} }),
  stats: (at) => plain(at, "stats", { dbStats: 1 }, (reply) => reply),
  version: (at) => plain(at, "version", { buildInfo: 1 }, (reply) => reply.version),
};

function database(name) {
  if (name !== null && (typeof name !== "string" || !name)) argument("a database needs a name");
  const at = { database: name === native.database ? null : name };
  return new Proxy(() => {}, {
    get(_, key) {
      if (key === shown) return databaseMethods.getName(at);
      if (key === Symbol.toPrimitive || key === "toString") return () => databaseMethods.getName(at);
      if (typeof key === "symbol" || ["then", "toJSON", "constructor", "prototype"].includes(key)) return undefined;
      if (Object.hasOwn(databaseMethods, key)) return placed(databaseMethods[key], at);
      return collection(at.database, key);
    },
    apply: () => fail("UnknownNameError", "db is not a function"),
    ...readOnly("db"),
  });
}

const print = (...values) => native.print(values.map(show).join(" "));
const FixedDate = new Proxy(RealDate, {
  construct: (target, given, made) => Reflect.construct(target, given.length ? given : [now()], made),
  apply: () => new RealDate(now()).toString(),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});
RealDate.prototype.constructor = FixedDate;
Math.random = random;

const globals = {
  db: database(null),
  use(name) {
    globalThis.db = database(name);
  },
  print,
  printjson: print,
  console: { log: print, info: print, warn: print, error: print, debug: print },
  tojson: show,
  EJSON: {
    stringify: (value, _, indent) => stringify(relaxed(encode(value)), null, indent),
    parse: (text) => decode(parse(text)),
  },
  Date: FixedDate,
  ObjectId, ObjectID: ObjectId, ISODate, NumberLong, Long: NumberLong, NumberInt, Int32: NumberInt, Double,
  NumberDecimal, Decimal128: NumberDecimal, UUID, BinData, HexData, Timestamp, MinKey, MaxKey, Code,
  BSONRegExp: RegularExpression, DBRef,
};
for (const name of Object.keys(globals)) {
  Object.defineProperty(globalThis, name, { value: globals[name], writable: true, enumerable: true, configurable: true });
}
// Nothing may wait without the interpreter's clock, and there is no clock besides ours.
for (const name of ["Atomics", "SharedArrayBuffer", "performance"]) delete globalThis[name];
