// Calls to the host, results that notice being looked at, and cursors.

const where = () => new Error().stack;

// Sends a command. While recording the answer is the operation's index, live it is the reply.
const send = (at, method, command, plainResult = false) => {
  const { database, collection: name } = at;
  const text = stringify(encode(command));
  const answer = parse(native.execute({ method, database, collection: name, command: text, stack: at.stack || where(), plain: plainResult }));
  if (native.record) return answer;
  if (answer.error) {
    const error = new Error(answer.error.message);
    error.name = "MongoServerError";
    if (answer.error.code !== null) error.code = answer.error.code;
    if (answer.error.name !== null) error.codeName = answer.error.name;
    throw error;
  }
  return answer.reply;
};

// A method of `at` whose operations and errors carry the place where it was named: the interpreter
// knows that better than the place of the call. Its variant `discarded` is what a statement calls
// that throws the result away; see `mark_discarded` in the Rust part.
const placed = (method, at, stack = where()) => {
  const call = (...given) => {
    try {
      return method({ ...at, stack }, ...given);
    } catch (error) {
      if (error instanceof Error && error.at === undefined) Object.defineProperty(error, "at", { value: stack });
      throw error;
    }
  };
  return Object.defineProperty(call, "discarded", { get: () => placed(method, { ...at, discarded: true }, stack) });
};

const used = (method) => native.used(method, where());

// The result of a write: live what `shape` makes of the reply; while recording an object that ends
// the recording as soon as something in it is looked at.
const result = (at, method, command, shape) => {
  const reply = send(at, method, command);
  if (!native.record) return shape(decode(reply));
  const look = () => used(method);
  return new Proxy({}, {
    get: (_, key) => (key === "then" ? undefined : look()),
    set: look, has: look, deleteProperty: look, ownKeys: look, getOwnPropertyDescriptor: look,
    defineProperty: look, getPrototypeOf: look, setPrototypeOf: look, isExtensible: look, preventExtensions: look,
  });
};

// A result such as a number, which cannot notice: it ends the recording unless it is thrown away.
const plain = (at, method, command, shape) => {
  const reply = send(at, method, command, !at.discarded);
  return native.record ? undefined : shape(decode(reply));
};

const unknown = (noun, name, known) => {
  const nearest = native.nearest(name, known);
  const hint = nearest === null || nearest === undefined ? "" : "; did you mean " + nearest + "?";
  fail("UnknownNameError", noun + " has no method " + name + " in this sandbox" + hint);
};

// Calling a method that an object lacks is reported with the nearest one it has.
const guarded = (noun, methods) => new Proxy(methods, {
  get(target, key) {
    if (typeof key === "symbol" || Object.hasOwn(target, key)) return target[key];
    if (["then", "toJSON", "constructor", "prototype"].includes(key)) return undefined;
    return () => unknown(noun, key, Object.keys(target));
  },
});

const isDocument = (value) => plainObject(value) || value instanceof Map;
const need = (value, method, what) => {
  if (!isDocument(value)) argument(method + " needs " + what + ", a document");
  return value;
};
const optional = (value, method, what) => (value === undefined || value === null ? {} : need(value, method, what));
const chosen = (options, allowed, method) => {
  const fields = {};
  for (const key of Object.keys(optional(options, method, "options"))) {
    if (!allowed.includes(key)) argument(method + " has no option " + key + " in this sandbox");
    if (options[key] !== undefined) fields[key] = options[key];
  }
  return fields;
};

const MAX_ARRAY = 10_000_000;
const cursorOptions = ["sort", "projection", "skip", "limit", "batchSize", "hint", "collation", "comment", "maxTimeMS", "let", "min", "max", "allowDiskUse", "noCursorTimeout", "returnKey", "showRecordId", "readConcern"];

// `build` makes the command from the settings gathered so far.
const makeCursor = (at, method, build, isFind) => {
  const settings = {};
  const transforms = [];
  let buffer = null;
  let taken = 0;
  let id = 0n;
  const recorded = native.record ? send(at, method, build(settings)) : null;

  const set = (name, value) => {
    if (buffer !== null) argument(name + " comes too late: the cursor has been read from");
    settings[name] = value;
    if (native.record) native.amend(recorded, stringify(encode(build(settings))));
    return cursor;
  };
  const accept = ({ cursor: page }) => {
    buffer = page.firstBatch || page.nextBatch;
    taken = 0;
    id = BigInt(page.id.$numberLong || page.id.$numberInt || page.id);
  };
  // Makes sure that a document is at hand if there is one left.
  const fill = () => {
    if (native.record) used(method);
    if (buffer === null) accept(send(at, method, build(settings)));
    while (taken >= buffer.length && id !== 0n) {
      const more = { getMore: NumberLong(id), collection: at.collection };
      if (settings.batchSize !== undefined) more.batchSize = settings.batchSize;
      accept(send(at, "getMore", more));
    }
    return taken < buffer.length;
  };
  const take = () => {
    const raw = buffer[taken];
    buffer[taken++] = undefined;
    return transforms.reduce((value, transform) => transform(value), decode(raw));
  };
  const next = () => (fill() ? take() : null);
  const count = () => {
    const { filter: query = {}, ...rest } = build({});
    return plain(at, "count", { count: rest.find, query }, ({ n }) => n);
  };
  const options = isFind ? {
    sort: (order) => set("sort", need(order, "sort", "an order")),
    limit: (number) => set("limit", number),
    skip: (number) => set("skip", number),
    projection: (fields) => set("projection", need(fields, "projection", "fields")),
    min: (bound) => set("min", bound),
    max: (bound) => set("max", bound),
    allowDiskUse: (allowed = true) => set("allowDiskUse", allowed),
    noCursorTimeout: () => set("noCursorTimeout", true),
    count,
    size: count,
  } : {};
  const cursor = guarded("a cursor", {
    ...options,
    batchSize: (number) => set("batchSize", number),
    hint: (index) => set("hint", index),
    collation: (rules) => set("collation", rules),
    comment: (text) => set("comment", text),
    maxTimeMS: (milliseconds) => set("maxTimeMS", milliseconds),
    readConcern: (level) => set("readConcern", { level }),
    pretty: () => cursor,
    map(transform) {
      transforms.push(transform);
      return cursor;
    },
    hasNext: fill,
    next,
    tryNext: next,
    forEach(visit) {
      for (let index = 0; fill(); index++) {
        if (visit(take(), index) === false) break;
      }
    },
    toArray() {
      const all = [];
      while (fill()) {
        if (all.length >= MAX_ARRAY) argument("more than " + MAX_ARRAY + " documents in one array");
        all.push(take());
      }
      return all;
    },
    itcount() {
      let number = 0;
      for (; fill(); number++) take();
      return number;
    },
    objsLeftInBatch() {
      fill();
      return buffer.length - taken;
    },
    isExhausted: () => !fill(),
    isClosed: () => buffer !== null && id === 0n,
    close() {
      if (id !== 0n) send(at, "killCursors", { killCursors: at.collection, cursors: [NumberLong(id)] });
      id = 0n;
      buffer = [];
      taken = 0;
    },
    *[Symbol.iterator]() {
      while (fill()) yield take();
    },
    [extended]() {
      used(method);
      return argument("a cursor is not a value; use toArray()");
    },
  });
  return cursor;
};
