/** Ports with a stopwatch. What they do, and what they reject with, is not touched. */
import {
  ConflictError,
  InvariantError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../model/errors.ts';
import type { MesosPort } from '../model/mesos.ts';
import type { Store } from '../model/store.ts';
import type { Meter } from './meter.ts';
import type { Result } from './words.ts';

type Told = (result: Result, tookMs: number) => void;

export function watchStore(store: Store, meter: Meter, monotonicMs: () => number): Store {
  const watch = <T>(operation: string, effect: () => Promise<T>): Promise<T> =>
    timed(effect, monotonicMs, (result, tookMs) => {
      meter.count('kafka_mesos_store_operations_total', { operation, result });
      meter.time('kafka_mesos_store_operation_duration_seconds', { operation }, tookMs);
    });
  return {
    read: (path) => watch('read', () => store.read(path)),
    list: (path) => watch('list', () => store.list(path)),
    write: (path, value, version) => watch('write', () => store.write(path, value, version)),
    remove: (path, version) => watch('remove', () => store.remove(path, version)),
    claim: () => watch('claim', () => store.claim()),
    close: () => store.close(),
  };
}

export function watchMesos(port: MesosPort, meter: Meter, monotonicMs: () => number): MesosPort {
  return {
    send: (call) =>
      timed(
        () => port.send(call),
        monotonicMs,
        (result, tookMs) => {
          meter.count('kafka_mesos_master_calls_total', { call: call.kind, result });
          meter.time('kafka_mesos_master_call_duration_seconds', {}, tookMs);
        },
      ),
  };
}

async function timed<T>(effect: () => Promise<T>, monotonicMs: () => number, tell: Told): Promise<T> {
  const beganMs = monotonicMs();
  try {
    const value = await effect();
    tell('ok', monotonicMs() - beganMs);
    return value;
  } catch (error) {
    tell(resultOf(error), monotonicMs() - beganMs);
    throw error;
  }
}

/** The class of the error, in one word. */
function resultOf(error: unknown): Result {
  if (error instanceof ConflictError) return 'conflict';
  if (error instanceof UnavailableError) return 'unavailable';
  if (error instanceof ProtocolError) return 'protocol';
  if (error instanceof SpecError) return 'refused';
  if (error instanceof UnsafePlanError) return 'unsafe';
  return error instanceof InvariantError ? 'bug' : 'unknown';
}
