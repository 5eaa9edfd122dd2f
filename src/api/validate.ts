/** Requests against the schemas of their route, compiled when a route is first asked. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

let ajv: Ajv2020 | undefined;

/**
 * For fastify. What is sent is taken as it is or refused: no field is dropped, filled in or made another type; only
 * query strings, which have no numbers, are read as such where the schema wants one.
 */
export function compileValidator({
  schema,
  httpPart,
}: {
  readonly schema: unknown;
  readonly httpPart?: string;
}): (data: unknown) => { readonly value: unknown } | { readonly error: Error } {
  let validate: ValidateFunction | undefined;
  return (data) => {
    ajv ??= new Ajv2020({ allErrors: false, strict: true });
    validate ??= ajv.compile(schema as object);
    const value = httpPart === 'querystring' ? withNumbers(data, schema) : data;
    if (validate(value)) return { value };
    const [first] = validate.errors ?? [];
    const part = httpPart === 'querystring' ? 'query' : 'body';
    const field = first?.instancePath.slice(1).replaceAll('/', '.').slice(0, 100) ?? '';
    const where = field === '' ? part : `${part}: ${field}`;
    const { additionalProperty, allowedValues } = (first?.params ?? {}) as Record<string, unknown>;
    const detail =
      typeof additionalProperty === 'string'
        ? `: ${JSON.stringify(additionalProperty.slice(0, 64))}`
        : Array.isArray(allowedValues)
          ? `: ${allowedValues.join(', ')}`
          : '';
    return { error: new Error(`${where} ${first?.message ?? 'is not as expected'}${detail}`) };
  };
}

function withNumbers(data: unknown, schema: unknown): unknown {
  const { properties = {} } = schema as { properties?: Readonly<Record<string, { type?: string }>> };
  return Object.fromEntries(
    Object.entries((data ?? {}) as Record<string, unknown>).map(([key, value]) => [
      key,
      Object.hasOwn(properties, key) &&
      properties[key]?.type === 'integer' &&
      typeof value === 'string' &&
      /^\d{1,16}$/.test(value)
        ? Number(value)
        : value,
    ]),
  );
}
