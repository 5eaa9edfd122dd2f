/** Ids of the operations of a release: which incarnation it is about can be read off them, whoever sent them. */

export function releaseId(what: 'destroy' | 'unreserve', incarnation: string, nowMs: number): string {
  return `${what}.${incarnation}.${nowMs.toString(36)}`;
}

/** Undefined for an id that is none of ours. */
export function parseReleaseId(
  id: string,
): { readonly what: string; readonly incarnation: string } | undefined {
  const [, what, incarnation] = /^(destroy|unreserve)\.(.+)\.[^.]+$/.exec(id) ?? [];
  return what === undefined || incarnation === undefined ? undefined : { what, incarnation };
}
