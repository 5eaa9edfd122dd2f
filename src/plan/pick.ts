/** Which port, and which disk, of what an agent offers. */
import type { DesiredListener, DesiredVolume } from '../model/desired.ts';
import type { DiskSource, Reservation, Resource } from '../model/mesos.ts';
import { baseOf, lowestPort, totalScalar } from './resources.ts';

/** A port bound before stays: it is in clients' and controllers' configuration, so another is no answer. */
export function choosePort(
  listener: DesiredListener,
  bound: number | undefined,
  resources: readonly Resource[],
  avoid: ReadonlySet<number>,
  isOurs: (resource: Resource) => boolean,
  canReserve: (resource: Resource) => boolean,
): number | { readonly reason: string } {
  const choice = bound === undefined ? listener.port : ({ kind: 'fixed', port: bound } as const);
  const range =
    choice.kind === 'fixed'
      ? { begin: choice.port, end: choice.port }
      : choice.kind === 'range'
        ? choice
        : { begin: 1, end: 65_535 };
  const port =
    lowestPort(resources.filter(isOurs), range, avoid) ??
    lowestPort(resources.filter(canReserve), range, avoid);
  if (port !== undefined) {
    return port;
  }
  const wanted =
    range.begin === range.end
      ? `port ${range.begin}`
      : choice.kind === 'any'
        ? 'any port'
        : `a port of ${range.begin}..${range.end}`;
  return {
    reason: `${wanted} for listener ${listener.name} is not in the offer${bound === undefined ? '' : ' (bound to this broker: it stays)'}`,
  };
}

/** Which disk a new volume comes from: of the kind wanted, the smallest that is large enough; MOUNT disks go whole. */
export function pickDisk(
  resources: readonly Resource[],
  volume: DesiredVolume,
  usable: (resource: Resource) => boolean,
):
  | { readonly source: DiskSource; readonly base: readonly Reservation[]; readonly amountMiB: number }
  | undefined {
  const fitting = piecesFor(resources.filter(usable), volume)
    .filter(({ size }) => size >= volume.sizeMiB)
    .sort((a, b) => a.size - b.size);
  const best = fitting[0];
  return best === undefined
    ? undefined
    : {
        source: best.source,
        base: best.base,
        amountMiB: volume.disk === 'mount' ? best.size : volume.sizeMiB,
      };
}

/** What there is in one piece at most. */
export function freeDisk(resources: readonly Resource[], volume: DesiredVolume): number {
  return Math.max(0, ...piecesFor(resources, volume).map(({ size }) => size));
}

/** A volume is one piece: what is reserved in different ways does not add up. */
function piecesFor(resources: readonly Resource[], volume: DesiredVolume) {
  const candidates = resources.filter(
    (r) =>
      r.name === 'disk' && r.disk?.volume === undefined && (r.disk?.source.kind ?? 'root') === volume.disk,
  );
  const pieces = Map.groupBy(candidates, (r) => JSON.stringify([r.disk?.source ?? null, baseOf(r)]));
  return [...pieces.values()].flatMap((alike) => {
    const [first] = alike;
    const source = first?.disk?.source ?? { kind: 'root' as const };
    return first === undefined ? [] : [{ source, base: baseOf(first), size: totalScalar(alike, 'disk') }];
  });
}
