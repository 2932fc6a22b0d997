// Between JavaScript values and canonical extended JSON.

// Patterns as the server wrote them: `source` of a JavaScript expression escapes slashes.
const originalPatterns = new WeakMap();
const MAX_DEPTH = 150;

const plainObject = (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value[extended]) return false;
  return !(value instanceof RealDate || value instanceof RegExp || value instanceof Map || ArrayBuffer.isView(value));
};

const encodeRegExp = (value) => {
  const original = originalPatterns.get(value);
  if (original) return original[extended]();
  if (/[uvy]/.test(value.flags)) argument("the server knows no regular expression flags u, v and y: " + value);
  const options = [...value.flags].filter((flag) => "ims".includes(flag)).sort().join("");
  return { $regularExpression: { pattern: value.source, options } };
};

const encode = (value, depth = 0) => {
  if (depth > MAX_DEPTH) argument("a value is nested too deeply, or contains itself");
  switch (typeof value) {
    case "undefined":
      return null;
    case "boolean":
    case "string":
      return value;
    case "number":
      if (Number.isInteger(value) && !Object.is(value, -0) && value >= -2147483648 && value <= 2147483647) {
        return { $numberInt: String(value) };
      }
      return { $numberDouble: doubleText(value) };
    case "bigint":
      return NumberLong(value)[extended]();
    case "object":
      break;
    default:
      argument("a " + typeof value + " cannot be sent to the server");
  }
  if (value === null) return null;
  if (Array.isArray(value)) return Array.from(value, (item) => encode(item, depth + 1));
  if (typeof value[extended] === "function") return value[extended]();
  if (value instanceof RealDate) {
    if (Number.isNaN(value.getTime())) argument("an invalid date cannot be sent to the server");
    return { $date: { $numberLong: String(value.getTime()) } };
  }
  if (value instanceof RegExp) return encodeRegExp(value);
  if (value instanceof Uint8Array) return BinData(0, base64(value))[extended]();
  const entries = value instanceof Map ? [...value] : Object.keys(value).map((key) => [key, value[key]]);
  const fields = Object.create(null);
  for (const [key, item] of entries) {
    if (typeof item === "function") argument("the function " + key + " cannot be sent to the server");
    fields[String(key)] = encode(item, depth + 1);
  }
  return fields;
};

const decodeRegExp = ({ pattern, options }) => {
  const original = RegularExpression(pattern, options);
  if (!/^[ims]*$/.test(options)) return original;
  try {
    const expression = new RegExp(pattern, options);
    originalPatterns.set(expression, original);
    return expression;
  } catch {
    return original;
  }
};

const decoders = {
  $oid: (value) => ObjectId(value),
  $numberInt: Number,
  $numberDouble: Number,
  $numberLong: (value) => NumberLong(value),
  $numberDecimal: (value) => NumberDecimal(value),
  $date: (value) => new RealDate(typeof value === "object" ? Number(value.$numberLong) : value),
  $regularExpression: decodeRegExp,
  $binary: ({ base64: text, subType }) => BinData(parseInt(subType, 16), text),
  $timestamp: (value) => Timestamp(value),
  $minKey: () => MinKey(),
  $maxKey: () => MaxKey(),
  $code: (code, { $scope }) => Code(code, $scope === undefined ? undefined : decode($scope)),
  $symbol: (value) => value,
  $undefined: () => undefined,
};

const decode = (value) => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(decode);
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.length <= 2 && Object.hasOwn(decoders, keys[0])) return decoders[keys[0]](value[keys[0]], value);
  const fields = {};
  for (const key of keys) {
    Object.defineProperty(fields, key, { value: decode(value[key]), writable: true, enumerable: true, configurable: true });
  }
  return fields;
};

// What a person reads: strings as they are, everything else as indented relaxed extended JSON.
const relaxed = (value) => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(relaxed);
  if ("$numberInt" in value) return Number(value.$numberInt);
  if ("$numberDouble" in value && Number.isFinite(Number(value.$numberDouble))) return Number(value.$numberDouble);
  if ("$numberLong" in value && Number.isSafeInteger(Number(value.$numberLong))) return Number(value.$numberLong);
  if ("$date" in value) {
    const date = new RealDate(Number(value.$date.$numberLong));
    return { $date: Number.isNaN(date.getTime()) ? value.$date.$numberLong : date.toISOString() };
  }
  const fields = Object.create(null);
  for (const key of Object.keys(value)) fields[key] = relaxed(value[key]);
  return fields;
};
const show = (value) => {
  if (typeof value === "string") return value;
  if (typeof value === "function") return value[shown] || "[function]";
  if (value === undefined) return "undefined";
  if (value instanceof Error) return value.name + ": " + value.message;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (value instanceof ObjectId || value instanceof NumberLong) return value.toString();
  return stringify(relaxed(encode(value)), null, 2);
};
const shown = Symbol("shown as");
