/**
 * The messages of the Mesos v1 API in the form of its JSON: field names as on the wire (snake_case),
 * enums as their names, bytes as base64 text, and an absent field is an absent property. An empty array is
 * the same as an absent one, and decoding gives the absent one.
 * `codec.ts` translates this form from and to protobuf; a JSON body is this form already.
 *
 * Facts: include/mesos/v1/{mesos,scheduler/scheduler,executor/executor}.proto of Apache Mesos 1.11/1.12.
 * Deprecated and experimental corners nobody here reads (APPC images, CSI volumes, cgroup statistics,
 * Linux capabilities) are left out; the codec skips them.
 */
export type * from './types-calls.ts';
export type * from './types-common.ts';
export type * from './types-offers.ts';
export type * from './types-tasks.ts';
