import schemaJson from '../../schema/kafka-cluster.schema.json' with { type: 'json' };

/** The part of JSON Schema 2020-12 that our schema uses. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  /** What one of these is called in a sentence: "a size". */
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
};

// TypeScript infers `false` in JSON as `boolean`.
export const clusterSchema = schemaJson as Schema & { readonly $defs: Readonly<Record<string, Schema>> };

/** The schema with its `$ref` followed; what stands beside the `$ref` wins, as it is nearer to the use. */
export function follow(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  const target = clusterSchema.$defs[definitionName($ref)];
  return target === undefined ? beside : { ...follow(target), ...beside };
}

export function definitionName(ref: string): string {
  return ref.slice('#/$defs/'.length);
}

/** How the description begins of what is refused until it is acted on (`not-yet.ts`). */
export const laterWords = 'Not acted on by this version. ';

export function isLater(schema: Schema): boolean {
  return follow(schema).description?.startsWith(laterWords) ?? false;
}
