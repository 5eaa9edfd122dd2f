/** Ids of operations: what each is about can be read off it, whoever sent it and when. */

export type OperationKind = 'reserve' | 'create' | 'grow' | 'destroy' | 'unreserve';

/** `<kind>.<incarnation>.<ms in base 36>`, and for one of several of a kind `.<number>` behind it. */
export function operationId(kind: OperationKind, incarnation: string, nowMs: number): string {
  return `${kind}.${incarnation}.${nowMs.toString(36)}`;
}

/** Undefined for an id that is none of ours. */
export function parseOperationId(
  id: string,
): { readonly kind: OperationKind; readonly incarnation: string; readonly sentAtMs: number } | undefined {
  const [, kind, incarnation, at = ''] =
    /^(reserve|create|grow|destroy|unreserve)\.([^.]+)\.([0-9a-z]+)(?:\.\d+)?$/.exec(id) ?? [];
  return kind === undefined || incarnation === undefined
    ? undefined
    : { kind: kind as OperationKind, incarnation, sentAtMs: Number.parseInt(at, 36) };
}
