import protobuf from 'protobufjs/light.js';
import { ProtocolError } from '../model/errors.ts';
import { isIntegerOf, type JsonMessage, type MessageType } from './wire.ts';

type FieldBase = protobuf.Field | protobuf.MapField;

/**
 * Reads a JSON body of a v1 API into the one form of types.ts, as lenient and as strict as a real master
 * (stout/protobuf.hpp, and 12-bad-requests of the recordings): unknown fields, nulls and the unknown values of
 * optional enums are ignored, numbers may be text, enums must be names.
 *
 * Throws ProtocolError `KM_PROTOCOL_MESOS_JSON`; its message is what such a master writes after
 * "Failed to convert JSON into Call protobuf: ".
 */
export function readMessageJson(type: MessageType, json: unknown): JsonMessage {
  if (!isObject(json)) throw unreadable('Expecting a JSON object');
  const message = readObject(type, json);
  const missing = missingFields(type, message, '');
  if (missing.length > 0) throw unreadable(`Missing required fields: ${missing.join(', ')}`);
  return message;
}

function readObject(type: MessageType, json: JsonMessage): JsonMessage {
  const message: JsonMessage = {};
  for (const field of type.fieldsArray) {
    const value = Object.hasOwn(json, field.name) ? json[field.name] : undefined;
    if (value === undefined || value === null) continue;
    if (field instanceof protobuf.MapField) {
      if (!isObject(value)) throw unexpected(field, value);
      const entries = Object.entries(value).map(([key, entry]) => [key, readValue(field, entry)] as const);
      message[field.name] = Object.fromEntries(entries);
    } else if (field.repeated) {
      // A bare value stands for an array of one.
      const items = (Array.isArray(value) ? value : [value]).filter((item) => item !== null);
      const read = items.map((item) => readValue(field, item)).filter((item) => item !== undefined);
      if (read.length > 0) message[field.name] = read;
    } else {
      const read = readValue(field, value);
      if (read !== undefined) message[field.name] = read;
    }
  }
  return message;
}

/** Gives undefined for the unknown value of an optional enum. */
function readValue(field: FieldBase, value: unknown): unknown {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) {
    if (!isObject(value)) throw unexpected(field, value);
    return readObject(resolved, value);
  }
  if (resolved instanceof protobuf.Enum) {
    if (typeof value !== 'string') throw unexpected(field, value);
    if (resolved.values[value] !== undefined) return value;
    if (field instanceof protobuf.Field && field.required)
      throw unreadable(`Failed to find enum for '${value}'`);
    return undefined;
  }
  if (field.type === 'string' || field.type === 'bytes') {
    if (typeof value !== 'string') throw unexpected(field, value);
    return field.type === 'string' ? value : readBase64(field, value);
  }
  if (field.type === 'bool') {
    if (value === 'true' || value === 'false') return value === 'true';
    if (typeof value !== 'boolean') throw unexpected(field, value);
    return value;
  }
  return readNumber(field, value);
}

function readNumber(field: FieldBase, value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'string') throw unexpected(field, value);
  const number = Number(value);
  const isNumber = typeof value === 'number' || (value.trim() !== '' && !Number.isNaN(number));
  if (!isNumber || (field.type !== 'double' && !isIntegerOf(field, number))) {
    throw unreadable(`Failed to parse '${value}' as a JSON number for field '${field.name}'`);
  }
  return number;
}

function readBase64(field: FieldBase, text: string): string {
  // One spelling for the same bytes, so that forms can be compared.
  const bytes = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) {
    throw unreadable(`Failed to base64 decode bytes field '${field.name}'`);
  }
  return bytes.toString('base64');
}

function missingFields(type: MessageType, message: JsonMessage, prefix: string): string[] {
  return type.fieldsArray.flatMap((field) => {
    const value = message[field.name];
    const path = `${prefix}${field.name}`;
    if (value === undefined) return field.required ? [path] : [];
    if (!(field.resolvedType instanceof protobuf.Type)) return [];
    const inner = field.resolvedType;
    if (field instanceof protobuf.MapField) {
      const entries = Object.entries(value as JsonMessage);
      return entries.flatMap(([key, entry]) =>
        missingFields(inner, entry as JsonMessage, `${path}[${key}].`),
      );
    }
    if (!field.repeated) return missingFields(inner, value as JsonMessage, `${path}.`);
    const items = value as JsonMessage[];
    return items.flatMap((item, index) => missingFields(inner, item, `${path}[${index}].`));
  });
}

function isObject(value: unknown): value is JsonMessage {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unexpected(field: FieldBase, value: unknown): ProtocolError {
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return unreadable(`Not expecting a JSON ${kind} for field '${field.name}'`);
}

function unreadable(reason: string): ProtocolError {
  return new ProtocolError('KM_PROTOCOL_MESOS_JSON', reason);
}
