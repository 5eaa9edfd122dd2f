/** What every part of one step shares: the state, the time, and the outputs so far. */
import type { SchedulerEvent, TaskStatus } from '../../mesos/types.ts';
import type { Output, Reply } from './io.ts';
import type { Framework, State } from './state.ts';

export type Context = {
  readonly state: State;
  readonly nowMs: number;
  readonly outputs: Output[];
};

/** Sends to the framework's stream; a disconnected framework hears nothing. */
export function sendEvent(context: Context, framework: Framework, event: SchedulerEvent): void {
  if (framework.streamId === undefined) return;
  context.outputs.push({ kind: 'event', streamId: framework.streamId, event });
}

export function sendUpdate(context: Context, framework: Framework, status: TaskStatus): void {
  sendEvent(context, framework, { type: 'UPDATE', update: { status } });
}

export function reply(context: Context, answer: Omit<Reply, 'kind'>): void {
  context.outputs.push({ kind: 'reply', ...answer });
}

export function refuse(context: Context, status: number, text: string): void {
  reply(context, { status, text });
}

/** Mesos stamps statuses in seconds. */
export function timestamp(context: Context): number {
  return context.nowMs / 1000;
}

/** 16 bytes as hex; unique in this state, and different for different masters. */
function nextUuidHex(context: Context): string {
  const { state } = context;
  state.nextUuidNumber += 1;
  const seed = fnv(state.settings.masterId, 0x811c9dc5);
  const parts = [seed, fnv(state.settings.masterId, seed), fnv(String(state.nextUuidNumber), seed)];
  return [...parts, state.nextUuidNumber].map((part) => part.toString(16).padStart(8, '0')).join('');
}

function fnv(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** 16 bytes in base64, not all zero: what Mesos takes for a uuid. */
export function isUuid(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 16 && bytes.some((byte) => byte !== 0);
}

/** The bytes of a new uuid in base64, as TaskStatus.uuid wants them. */
export function newUuidBytes(context: Context): string {
  return Buffer.from(nextUuidHex(context), 'hex').toString('base64');
}

/** A new uuid in its usual text form, as container ids are. */
export function newUuidText(context: Context): string {
  const hex = nextUuidHex(context);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

export function hasCapability(framework: Framework, name: string): boolean {
  return (framework.info.capabilities ?? []).some((capability) => capability.type === name);
}

/** The roles a framework subscribed to. */
export function rolesOf(framework: Framework): readonly string[] {
  return hasCapability(framework, 'MULTI_ROLE') ? (framework.info.roles ?? []) : [framework.info.role ?? '*'];
}
