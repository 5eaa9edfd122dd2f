import protobuf from 'protobufjs/light.js';
import { InvariantError, ProtocolError } from '../model/errors.ts';
import descriptor from './proto/descriptor.json' with { type: 'json' };

/*
 * Protobuf (proto2) from and to the JSON form of types.ts, driven by the checked-in descriptor:
 *
 *   message = *( tag value )                  ; tag = varint( field number << 3 | wire type )
 *   value   = varint                          ; wire type 0: int32 int64 uint32 uint64 bool enum
 *           / 8OCTET                          ; wire type 1: double
 *           / varint(length) length*OCTET     ; wire type 2: string, bytes, message, map entry, packed
 *
 * protobufjs reads and writes the values. Walking the messages is ours, because its own conversion
 * writes a default for a required field that was forgotten, drops a misspelt enum in silence, and shows
 * an unknown enum as a number; a master answers the first with 400 and the second with nonsense.
 */

/** A message in its JSON form, before a type is put on it. */
export type JsonMessage = { [field: string]: unknown };
export type MessageType = protobuf.Type;
type FieldBase = protobuf.Field | protobuf.MapField;

const root = protobuf.Root.fromJSON(descriptor as protobuf.INamespace).resolveAll();

/** The limit of the C++ library on the nesting of messages (`ContainerID.parent` nests at will). */
const maxDepth = 100;

/** `name` without the package prefix `mesos.v1.`, for example `scheduler.Event`. */
export function messageType(name: string): MessageType {
  return root.lookupType(`mesos.v1.${name}`);
}

/** Throws InvariantError `KM_BUG_MESOS_MESSAGE`, naming the field, for a message Mesos could not read. */
export function encodeMessage(type: MessageType, message: object): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMessage(type, message as JsonMessage, writer, type.name);
  return Uint8Array.from(writer.finish());
}

/**
 * Skips unknown fields, and leaves out a field whose enum value is unknown, as the C++ library does.
 * Throws ProtocolError `KM_PROTOCOL_MESOS_MESSAGE` for bytes that are no such message.
 */
export function decodeMessage(type: MessageType, bytes: Uint8Array): JsonMessage {
  const reader = protobuf.Reader.create(bytes);
  try {
    return readMessage(type, reader, bytes.length, {}, type.name, 0);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw undecodable(type.name, 'its bytes are cut or corrupt', error);
  }
}

// Writing

function writeMessage(type: MessageType, message: JsonMessage, writer: protobuf.Writer, path: string): void {
  if (typeof message !== 'object' || message === null) throw unencodable(path, 'is not an object');
  for (const name of Object.keys(message)) {
    if (!type.fields[name] && message[name] !== undefined)
      throw unencodable(`${path}.${name}`, 'does not exist');
  }
  for (const field of type.fieldsArray) {
    const value = Object.hasOwn(message, field.name) ? message[field.name] : undefined;
    if (value === undefined) {
      if (field.required) throw unencodable(`${path}.${field.name}`, 'is required');
      continue;
    }
    const fieldPath = `${path}.${field.name}`;
    if (field instanceof protobuf.MapField) {
      for (const [key, entry] of Object.entries(value as JsonMessage)) {
        writer.uint32(tag(field.id, 2)).fork().uint32(tag(1, 2)).string(key);
        writeValue(field, 2, entry, writer, `${fieldPath}[${key}]`);
        writer.ldelim();
      }
    } else if (field.repeated) {
      if (!Array.isArray(value)) throw unencodable(fieldPath, 'is not an array');
      value.forEach((item, index) => {
        writeValue(field, field.id, item, writer, `${fieldPath}[${index}]`);
      });
    } else {
      writeValue(field, field.id, value, writer, fieldPath);
    }
  }
}

function writeValue(
  field: FieldBase,
  number: number,
  value: unknown,
  writer: protobuf.Writer,
  path: string,
): void {
  const resolved = field.resolvedType;
  writer.uint32(tag(number, wireTypeOf(field)));
  if (resolved instanceof protobuf.Type) {
    writeMessage(resolved, value as JsonMessage, writer.fork(), path);
    writer.ldelim();
    return;
  }
  if (resolved instanceof protobuf.Enum) {
    const code = typeof value === 'string' ? resolved.values[value] : undefined;
    if (code === undefined) throw unencodable(path, `is no ${resolved.name}: ${JSON.stringify(value)}`);
    writer.int32(code);
    return;
  }
  switch (field.type) {
    case 'string':
      if (typeof value !== 'string') throw unencodable(path, 'is not a string');
      writer.string(value);
      return;
    case 'bytes':
      if (typeof value !== 'string') throw unencodable(path, 'is not base64 text');
      writer.bytes(Buffer.from(value, 'base64'));
      return;
    case 'bool':
      if (typeof value !== 'boolean') throw unencodable(path, 'is not a boolean');
      writer.bool(value);
      return;
    case 'double':
      if (typeof value !== 'number') throw unencodable(path, 'is not a number');
      writer.double(value);
      return;
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      if (!isIntegerOf(field, value))
        throw unencodable(path, `is no ${field.type}: ${JSON.stringify(value)}`);
      writer[field.type](value);
      return;
    default:
      throw unencodable(path, `has a type the codec does not know, ${field.type}`);
  }
}

// Reading

function readMessage(
  type: MessageType,
  reader: protobuf.Reader,
  end: number,
  into: JsonMessage,
  path: string,
  depth: number,
): JsonMessage {
  if (depth > maxDepth) throw undecodable(path, `it is nested deeper than ${maxDepth}`);
  while (reader.pos < end) {
    const key = reader.uint32();
    const wireType = key & 7;
    const field = type.fieldsById[key >>> 3];
    if (!field) {
      reader.skipType(wireType);
      continue;
    }
    const fieldPath = `${path}.${field.name}`;
    if (field.repeated && wireType === 2 && wireTypeOf(field) !== 2) {
      const packedEnd = readEnd(reader, end, fieldPath);
      while (reader.pos < packedEnd)
        appendTo(into, field.name, readValue(field, reader, packedEnd, undefined, fieldPath, depth));
    } else if (wireType !== (field instanceof protobuf.MapField ? 2 : wireTypeOf(field))) {
      reader.skipType(wireType);
    } else if (field instanceof protobuf.MapField) {
      readMapEntry(field, reader, readEnd(reader, end, fieldPath), into, fieldPath, depth);
    } else if (field.repeated) {
      appendTo(into, field.name, readValue(field, reader, end, undefined, fieldPath, depth));
    } else {
      const value = readValue(field, reader, end, into[field.name], fieldPath, depth);
      if (value !== undefined) into[field.name] = value;
    }
  }
  if (reader.pos !== end) throw undecodable(path, 'a field reaches beyond its message');
  for (const { name } of requiredFields(type)) {
    if (into[name] === undefined) {
      throw undecodable(path, `the required field ${name} is missing or unknown`);
    }
  }
  return into;
}

/** Gives undefined for an enum value this version does not know. `before` is what the field holds already. */
function readValue(
  field: FieldBase,
  reader: protobuf.Reader,
  end: number,
  before: unknown,
  path: string,
  depth: number,
): unknown {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) {
    // A singular message that comes twice is merged (proto2 encoding rules).
    const into = before === undefined ? {} : (before as JsonMessage);
    return readMessage(resolved, reader, readEnd(reader, end, path), into, path, depth + 1);
  }
  if (resolved instanceof protobuf.Enum) return resolved.valuesById[reader.int32()];
  switch (field.type) {
    case 'string':
      return reader.string();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'bool':
      return reader.bool();
    case 'double':
      return reader.double();
    case 'int32':
      return reader.int32();
    case 'uint32':
      return reader.uint32();
    case 'int64':
    case 'uint64': {
      // A Long, whose types are not installed; its decimal text is exact.
      const text = String(reader[field.type]());
      const value = Number(text);
      if (!isIntegerOf(field, value)) throw undecodable(path, `${text} is beyond what can be held exactly`);
      return value;
    }
    default:
      throw undecodable(path, `it has a type the codec does not know, ${field.type}`);
  }
}

function readMapEntry(
  field: protobuf.MapField,
  reader: protobuf.Reader,
  end: number,
  into: JsonMessage,
  path: string,
  depth: number,
): void {
  let key = '';
  let value: unknown;
  while (reader.pos < end) {
    const entryKey = reader.uint32();
    if (entryKey === tag(1, 2)) key = reader.string();
    else if (entryKey === tag(2, wireTypeOf(field)))
      value = readValue(field, reader, end, value, path, depth);
    else reader.skipType(entryKey & 7);
  }
  if (reader.pos !== end) throw undecodable(path, 'a map entry reaches beyond its end');
  // Every map of this API has messages for values, and a missing one is an empty one.
  value ??= readMessage(field.resolvedType as MessageType, reader, reader.pos, {}, path, depth + 1);
  into[field.name] ??= {};
  // Defined, not assigned: a key may be `__proto__`.
  Object.defineProperty(into[field.name], key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function readEnd(reader: protobuf.Reader, end: number, path: string): number {
  const length = reader.uint32();
  if (length > end - reader.pos) throw undecodable(path, 'its length reaches beyond its message');
  return reader.pos + length;
}

function appendTo(into: JsonMessage, name: string, value: unknown): void {
  if (value === undefined) return;
  into[name] ??= [];
  (into[name] as unknown[]).push(value);
}

// Fields

/** Of many fields few are required, and every message read is asked for them. */
function requiredFields(type: MessageType): readonly protobuf.Field[] {
  const known = requiredOf.get(type);
  if (known !== undefined) return known;
  const required = type.fieldsArray.filter((field) => field.required);
  requiredOf.set(type, required);
  return required;
}

const requiredOf = new WeakMap<MessageType, readonly protobuf.Field[]>();

function tag(number: number, wireType: number): number {
  return (number << 3) | wireType;
}

function wireTypeOf(field: FieldBase): number {
  if (field.resolvedType instanceof protobuf.Enum) return 0;
  if (field.resolvedType || field.type === 'string' || field.type === 'bytes') return 2;
  return field.type === 'double' ? 1 : 0;
}

/** Whether a number can stand for the integer field; `nanoseconds` may be the nearest number (types.ts). */
export function isIntegerOf(field: FieldBase, value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  switch (field.type) {
    case 'int32':
      return value >= -(2 ** 31) && value < 2 ** 31;
    case 'uint32':
      return value >= 0 && value < 2 ** 32;
    case 'uint64':
      return value >= 0 && value <= Number.MAX_SAFE_INTEGER;
    default:
      return field.name === 'nanoseconds' ? Math.abs(value) < 2 ** 63 : Number.isSafeInteger(value);
  }
}

function unencodable(path: string, reason: string): InvariantError {
  return new InvariantError(
    'KM_BUG_MESOS_MESSAGE',
    `The Mesos message cannot be written: ${path} ${reason}.`,
  );
}

export function undecodable(path: string, reason: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    'KM_PROTOCOL_MESOS_MESSAGE',
    `The Mesos message cannot be read at ${path}: ${reason}.`,
    {
      cause,
    },
  );
}
