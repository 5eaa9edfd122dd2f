/**
 * The part of JSON Schema (2020-12, as OpenAPI 3.1 has it) that the API is described in. A schema carries the type
 * of its values, so that a schema and a type of the model that say different things are a type error (`requests.ts`
 * and the files of `answers/`, at their ends). Answers are described and not serialised by it: a serialiser that was
 * compiled from schemas would drop what they do not name, and compiling takes longer than a start may.
 */
export type Schema = {
  /** Of one that the document names; it stands below `components` then. */
  readonly title?: string;
  readonly description?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly enum?: readonly string[];
  readonly const?: string | number | boolean;
  readonly default?: string | number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
};

/** A schema with the type of its values, which is never there as a value. */
export type Typed<T> = Schema & { readonly valueType?: T };
export type ValueOf<S> = S extends { readonly valueType?: infer T } ? T : never;

type Fields = Readonly<Record<string, Schema>>;
type Limits = Omit<Schema, 'type' | 'title' | 'enum' | 'const' | 'properties' | 'items' | 'anyOf'>;

export const text = (limits: Limits = {}): Typed<string> => ({ type: 'string', ...limits });
export const number = (limits: Limits = {}): Typed<number> => ({ type: 'number', ...limits });
export const integer = (limits: Limits = {}): Typed<number> => ({ type: 'integer', ...limits });
export const flag = (limits: Limits = {}): Typed<boolean> => ({ type: 'boolean', ...limits });
export const atMs = integer({ description: 'Milliseconds since 1970 (UTC).' });

export function always<const T extends string | number | boolean>(value: T, limits: Limits = {}): Typed<T> {
  return { const: value, ...limits };
}

export function words<const T extends readonly string[]>(...allowed: T): Typed<T[number]> {
  return { type: 'string', enum: allowed };
}

export function list<S extends Schema>(items: S, limits: Limits = {}): Typed<readonly ValueOf<S>[]> {
  return { type: 'array', items, ...limits };
}

/** Keys of any name. */
export function map<S extends Schema>(
  values: S,
  limits: Limits = {},
): Typed<Readonly<Record<string, ValueOf<S>>>> {
  return { type: 'object', additionalProperties: values, ...limits };
}

/** Of answers: a client takes fields that it does not know for what a later release says. */
export function object<R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional?: O,
): Typed<{ readonly [K in keyof R]: ValueOf<R[K]> } & { readonly [K in keyof O]?: ValueOf<O[K]> }> {
  const names = Object.keys(required);
  return {
    type: 'object',
    ...(names.length === 0 ? {} : { required: names }),
    properties: { ...required, ...optional },
  };
}

/** Of requests: a field that is not known is a mistake of whoever asks. */
export function closed<S extends Schema>(schema: S): S {
  return { ...schema, additionalProperties: false };
}

export function either<S extends readonly Schema[]>(...schemas: S): Typed<ValueOf<S[number]>> {
  return { anyOf: schemas };
}

export function named<S extends Schema>(title: string, schema: S, description?: string): S {
  return { ...schema, title, ...(description === undefined ? {} : { description }) };
}

export function described<S extends Schema>(schema: S, description: string): S {
  return { ...schema, description };
}

/** What is described elsewhere. */
export function opaque<T>(description: string): Typed<T> {
  return { type: 'object', description };
}

type Plain<T> = unknown extends T
  ? T
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : T extends object
      ? { -readonly [K in keyof T]: Plain<T[K]> }
      : T;
type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
/** `true` where a schema's values are those of the type, optional fields included. */
export type Describes<S, T> = Equal<Plain<ValueOf<S>>, Plain<T>>;
export type Holds<_T extends true> = true;
