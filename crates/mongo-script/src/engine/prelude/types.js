// Types of the database that JavaScript lacks. Each instance knows its canonical extended JSON
// under the symbol `extended`; the constructors work with and without `new`, as in the shell.
"use strict";

const { stringify, parse } = JSON;
const extended = Symbol("extended JSON");
const RealDate = Date;

const fail = (name, message) => {
  const error = new Error(message);
  error.name = name;
  throw error;
};
const argument = (message) => fail("ArgumentError", message);

// A small generator with a fixed seed: the same script and clock give the same ids.
let seed = native.seed >>> 0;
const random = () => {
  seed = (seed + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
const randomHex = (bytes) => {
  let hex = "";
  for (let i = 0; i < bytes; i++) {
    hex += Math.floor(random() * 256).toString(16).padStart(2, "0");
  }
  return hex;
};
const now = () => (native.clock === null || native.clock === undefined ? RealDate.now() : native.clock);

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64 = (bytes) => {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    text += base64Alphabet[a >> 2];
    text += base64Alphabet[((a & 3) << 4) | ((b || 0) >> 4)];
    text += b === undefined ? "=" : base64Alphabet[((b & 15) << 2) | ((c || 0) >> 6)];
    text += c === undefined ? "=" : base64Alphabet[c & 63];
  }
  return text;
};
const hexBytes = (hex) => {
  if (typeof hex !== "string" || !/^([0-9a-f]{2})*$/i.test(hex)) argument("not a hexadecimal string: " + hex);
  const bytes = [];
  for (let i = 0; i < hex.length; i += 2) bytes.push(parseInt(hex.slice(i, i + 2), 16));
  return bytes;
};
const bytesOfBase64 = (text) => {
  const bytes = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    if (letter === "=") break;
    held = ((held << 6) | base64Alphabet.indexOf(letter)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 255);
    }
  }
  return bytes;
};

// Defines a type from a function that fills a new instance.
const makeType = (name, fill, methods) => {
  function Type(...given) {
    const self = new.target ? this : Object.create(Type.prototype);
    fill(self, given);
    return self;
  }
  Object.defineProperty(Type, "name", { value: name });
  const all = { toJSON() { return this[extended](); }, ...methods };
  for (const key of Reflect.ownKeys(all)) {
    Object.defineProperty(Type.prototype, key, { value: all[key], writable: true, configurable: true });
  }
  return Type;
};

let objectIds = Math.floor(random() * 0xffffff);
const processPart = randomHex(5);
const newObjectId = () => {
  objectIds = (objectIds + 1) & 0xffffff;
  const seconds = Math.floor(now() / 1000) >>> 0;
  return seconds.toString(16).padStart(8, "0") + processPart + objectIds.toString(16).padStart(6, "0");
};

const ObjectId = makeType(
  "ObjectId",
  (self, [value]) => {
    if (value === undefined) self.hex = newObjectId();
    else if (value instanceof ObjectId) self.hex = value.hex;
    else if (typeof value === "string" && /^[0-9a-f]{24}$/i.test(value)) self.hex = value.toLowerCase();
    else argument("ObjectId needs 24 hexadecimal digits, not " + String(value));
  },
  {
    [extended]() { return { $oid: this.hex }; },
    toString() { return this.hex; },
    toHexString() { return this.hex; },
    valueOf() { return this.hex; },
    equals(other) { return other instanceof ObjectId && other.hex === this.hex; },
    getTimestamp() { return new RealDate(parseInt(this.hex.slice(0, 8), 16) * 1000); },
  },
);

const wholeNumber = (type, value, low, high) => {
  let whole;
  try {
    if (value === undefined) whole = 0n;
    else if (value instanceof NumberLong || value instanceof NumberInt) whole = value.value;
    else if (typeof value === "number") whole = BigInt(Math.trunc(value));
    else whole = BigInt(value);
  } catch {
    argument(type + " needs a whole number, not " + String(value));
  }
  if (whole < low || whole > high) argument(type + " cannot hold " + whole);
  return whole;
};
const integerMethods = {
  toString() { return this.value.toString(); },
  toNumber() { return Number(this.value); },
  valueOf() { return Number(this.value); },
  toBigInt() { return this.value; },
  equals(other) { return this.value === NumberLong(other).value; },
  compare(other) {
    const right = NumberLong(other).value;
    return this.value < right ? -1 : Number(this.value > right);
  },
  add(other) { return NumberLong(this.value + NumberLong(other).value); },
  subtract(other) { return NumberLong(this.value - NumberLong(other).value); },
  multiply(other) { return NumberLong(this.value * NumberLong(other).value); },
};
const NumberLong = makeType(
  "Long",
  (self, [value]) => { self.value = wholeNumber("NumberLong", value, -(2n ** 63n), 2n ** 63n - 1n); },
  { [extended]() { return { $numberLong: this.value.toString() }; }, ...integerMethods },
);
const NumberInt = makeType(
  "Int32",
  (self, [value]) => { self.value = wholeNumber("NumberInt", value, -(2n ** 31n), 2n ** 31n - 1n); },
  { [extended]() { return { $numberInt: this.value.toString() }; }, ...integerMethods },
);

const doubleText = (value) => {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return /^-?\d+$/.test(text) ? text + ".0" : text;
};
const Double = makeType(
  "Double",
  (self, [value]) => { self.value = Number(value); },
  {
    [extended]() { return { $numberDouble: doubleText(this.value) }; },
    toString() { return String(this.value); },
    valueOf() { return this.value; },
  },
);

const NumberDecimal = makeType(
  "Decimal128",
  (self, [value]) => {
    self.text = value === undefined ? "0" : String(value);
    if (!/^[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)$/i.test(self.text)) {
      argument("NumberDecimal needs a decimal number, not " + self.text);
    }
  },
  {
    [extended]() { return { $numberDecimal: this.text }; },
    toString() { return this.text; },
    valueOf() { return Number(this.text); },
  },
);
NumberDecimal.fromString = (text) => NumberDecimal(text);

const BinData = makeType(
  "Binary",
  (self, [subtype, text]) => {
    if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) argument("BinData needs a subtype and a base64 string");
    if (!Number.isInteger(subtype) || subtype < 0 || subtype > 255) argument("BinData needs a subtype from 0 to 255");
    self.subtype = subtype;
    self.base64 = text;
  },
  {
    [extended]() {
      return { $binary: { base64: this.base64, subType: this.subtype.toString(16).padStart(2, "0") } };
    },
    hex() { return bytesOfBase64(this.base64).map((byte) => byte.toString(16).padStart(2, "0")).join(""); },
    toString() { return this.subtype === 4 ? uuidText(this.hex()) : this.base64; },
    equals(other) { return other instanceof BinData && other.base64 === this.base64 && other.subtype === this.subtype; },
  },
);
const uuidText = (hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const HexData = (subtype, hex) => BinData(subtype, base64(hexBytes(hex)));
const UUID = function UUID(text) {
  let hex;
  if (text === undefined) {
    hex = randomHex(16);
    hex = hex.slice(0, 12) + "4" + hex.slice(13, 16) + "89ab"[Math.floor(random() * 4)] + hex.slice(17);
  } else {
    hex = String(text).replace(/-/g, "");
    if (!/^[0-9a-f]{32}$/i.test(hex)) argument("UUID needs 32 hexadecimal digits, not " + text);
  }
  return HexData(4, hex);
};

const Timestamp = makeType(
  "Timestamp",
  (self, [first, second]) => {
    const parts = typeof first === "object" && first !== null ? [first.t, first.i] : [first, second];
    [self.t, self.i] = parts.map((part) => Number(part === undefined ? 0 : part));
    for (const part of [self.t, self.i]) {
      if (!Number.isInteger(part) || part < 0 || part > 0xffffffff) argument("Timestamp needs two unsigned 32-bit numbers");
    }
  },
  { [extended]() { return { $timestamp: { t: this.t, i: this.i } }; } },
);
const MinKey = makeType("MinKey", () => {}, { [extended]() { return { $minKey: 1 }; } });
const MaxKey = makeType("MaxKey", () => {}, { [extended]() { return { $maxKey: 1 }; } });
const Code = makeType(
  "Code",
  (self, [code, scope]) => {
    self.code = String(code);
    self.scope = scope;
  },
  {
    [extended]() {
      return this.scope === undefined ? { $code: this.code } : { $code: this.code, $scope: encode(this.scope) };
    },
  },
);
const RegularExpression = makeType(
  "BSONRegExp",
  (self, [pattern, options]) => {
    self.pattern = String(pattern);
    self.options = [...String(options === undefined ? "" : options)].sort().join("");
  },
  { [extended]() { return { $regularExpression: { pattern: this.pattern, options: this.options } }; } },
);
const DBRef = (collection, id, database) => {
  const reference = { $ref: collection, $id: id };
  if (database !== undefined) reference.$db = database;
  return reference;
};
const ISODate = (text) => {
  if (text === undefined) return new RealDate(now());
  const parts = /^(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d(?:\.\d+)?))?\s*(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (!parts) argument("ISODate cannot read " + String(text));
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone = "Z"] = parts;
  const offset = zone === "Z" ? zone : zone.slice(0, 3) + ":" + zone.slice(-2);
  const [whole, fraction = ""] = second.split(".");
  const milliseconds = (fraction + "000").slice(0, 3);
  const date = new RealDate(`${year}-${month}-${day}T${hour}:${minute}:${whole}.${milliseconds}${offset}`);
  if (Number.isNaN(date.getTime())) argument("ISODate cannot read " + text);
  return date;
};
