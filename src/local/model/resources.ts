/**
 * Arithmetic of Mesos resources: scalars in fixed point of 0.001, ranges, sets, reservations, volumes.
 *
 * A `Bundle` is a list of resources in post-reservation-refinement form (only `reservations`, never
 * `role` or `reservation`) in which what can be added has been added. All functions are pure.
 * Facts: src/common/resources.cpp and values.cpp of Apache Mesos.
 */
import type { Range, ReservationInfo, Resource } from '../../mesos/types.ts';

export type Bundle = readonly Resource[];

/** Adds; what differs in reservation, disk, allocation or kind stays a resource of its own. */
export function add(left: Bundle, right: Bundle): Resource[] {
  const result = [...left];
  for (const resource of right) {
    if (isEmpty(resource)) continue;
    const index = mergesWithOthers(resource)
      ? result.findIndex((other) => identity(other) === identity(resource))
      : -1;
    const found = result[index];
    if (found === undefined) result.push(resource);
    else result[index] = combine(found, resource);
  }
  return result;
}

/** Takes `right` out of `left`; undefined unless `left` contains it. */
export function subtract(left: Bundle, right: Bundle): Resource[] | undefined {
  const result = [...left];
  for (const resource of right) {
    if (isEmpty(resource)) continue;
    const index = result.findIndex((other) => containsOne(other, resource));
    const found = result[index];
    if (found === undefined) return undefined;
    const rest = remove(found, resource);
    if (isEmpty(rest)) result.splice(index, 1);
    else result[index] = rest;
  }
  return result;
}

/** What remains of `left` after taking from it whatever of `right` it contains. */
export function subtractAvailable(left: Bundle, right: Bundle): Resource[] {
  let result = [...left];
  for (const resource of right) {
    const exact = subtract(result, [resource]);
    if (exact !== undefined) {
      result = exact;
      continue;
    }
    const index = result.findIndex((other) => identity(other) === identity(resource));
    const found = result[index];
    if (found === undefined || !mergesWithOthers(found)) continue;
    const rest = remove(found, resource);
    if (isEmpty(rest)) result.splice(index, 1);
    else result[index] = rest;
  }
  return result;
}

export function contains(left: Bundle, right: Bundle): boolean {
  return subtract(left, right) !== undefined;
}

/** The resources as a bundle: formats unified, equal ones added, empty ones dropped. */
export function bundle(resources: readonly Resource[] | undefined): Resource[] {
  return add([], (resources ?? []).map(upgrade));
}

/** With `allocation_info.role` set, or taken away for `undefined`. */
export function allocated(resources: Bundle, role: string | undefined): Resource[] {
  return resources.map((resource) => {
    const { allocation_info: _, ...bare } = resource;
    return role === undefined ? bare : { ...bare, allocation_info: { role } };
  });
}

/** Sets the allocation where the client left it out. */
export function allocatedByDefault(resources: readonly Resource[] | undefined, role: string): Resource[] {
  return (resources ?? []).map((resource) =>
    resource.allocation_info?.role === undefined ? { ...resource, allocation_info: { role } } : resource,
  );
}

/** The role a resource is reserved to; undefined for unreserved ones. */
export function reservedRole(resource: Resource): string | undefined {
  return resource.reservations?.at(-1)?.role;
}

export function isPersistentVolume(resource: Resource): boolean {
  return resource.disk?.persistence !== undefined;
}

/** The sum of all scalars of a name, in thousandths. */
export function thousandths(resources: Bundle, name: string): number {
  let total = 0;
  for (const resource of resources) {
    if (resource.name === name && resource.type === 'SCALAR') total += milli(resource);
  }
  return total;
}

/** Without the innermost reservation: what UNRESERVE turns a resource into. */
export function withoutReservation(resource: Resource): Resource {
  const { reservations = [], ...rest } = resource;
  return reservations.length > 1 ? { ...rest, reservations: reservations.slice(0, -1) } : rest;
}

/** Without persistence and volume: what CREATE consumes and DESTROY gives back. The disk source stays. */
export function withoutVolume(resource: Resource): Resource {
  const { disk, ...rest } = resource;
  return disk?.source === undefined ? rest : { ...rest, disk: { source: disk.source } };
}

/** Post-reservation-refinement form: `role` and `reservation` become `reservations`. */
export function upgrade(resource: Resource): Resource {
  const { role, reservation, reservations, ...rest } = resource;
  if (reservations !== undefined && reservations.length > 0) return { ...rest, reservations };
  if (role === undefined || role === '*') return rest;
  const info: ReservationInfo =
    reservation === undefined ? { type: 'STATIC', role } : { ...reservation, type: 'DYNAMIC', role };
  return { ...rest, reservations: [info] };
}

/** Pre-reservation-refinement form, for frameworks without RESERVATION_REFINEMENT. */
export function downgrade(resource: Resource): Resource {
  const { reservations = [], ...rest } = resource;
  const innermost = reservations.at(-1);
  if (innermost === undefined) return { ...rest, role: '*' };
  const { type, role = '*', ...info } = innermost;
  return type === 'STATIC' ? { ...rest, role } : { ...rest, role, reservation: info };
}

/** The form of the operator API: old and new fields side by side. */
export function endpointForm(resource: Resource): Resource {
  return resource.reservations === undefined
    ? { ...resource, role: '*' }
    : { ...downgrade(resource), reservations: resource.reservations };
}

/** Everything but the amount; resources of equal identity are of one kind. */
export function identity(resource: Resource): string {
  const known = identities.get(resource);
  if (known !== undefined) return known;
  const { disk } = resource;
  const made = JSON.stringify([
    resource.name,
    resource.type,
    resource.allocation_info?.role ?? null,
    (resource.reservations ?? []).map(reservationIdentity),
    // As in Mesos the volume's mount point is no part of it: it says how the disk is used, not which it is.
    disk === undefined ? null : [disk.persistence?.id ?? null, disk.source ?? null],
    resource.revocable !== undefined,
    resource.shared !== undefined,
    resource.provider_id?.value ?? null,
  ]);
  identities.set(resource, made);
  return made;
}

const identities = new WeakMap<Resource, string>();

function reservationIdentity(reservation: ReservationInfo): unknown {
  const labels = (reservation.labels?.labels ?? []).map((label) => JSON.stringify([label.key, label.value]));
  return [
    reservation.type ?? 'DYNAMIC',
    reservation.role ?? null,
    reservation.principal ?? null,
    // No labels and an empty list of labels are different reservations.
    reservation.labels === undefined ? null : labels.sort(),
  ];
}

/** A persistent volume, or a disk that can only be used whole, never merges with another. */
function mergesWithOthers(resource: Resource): boolean {
  const source = resource.disk?.source?.type;
  return !isPersistentVolume(resource) && (source === undefined || source === 'PATH');
}

function containsOne(left: Resource, right: Resource): boolean {
  if (identity(left) !== identity(right)) return false;
  if (!mergesWithOthers(left)) return milli(left) === milli(right);
  switch (left.type) {
    case 'SCALAR':
      return milli(right) <= milli(left);
    case 'RANGES':
      return subtractRanges(rangesOf(right), rangesOf(left)).length === 0;
    case 'SET': {
      const items = new Set(left.set?.item ?? []);
      return (right.set?.item ?? []).every((item) => items.has(item));
    }
    default:
      return false;
  }
}

function combine(left: Resource, right: Resource): Resource {
  switch (left.type) {
    case 'SCALAR':
      return { ...left, scalar: { value: (milli(left) + milli(right)) / 1000 } };
    case 'RANGES':
      return { ...left, ranges: { range: mergeRanges([...rangesOf(left), ...rangesOf(right)]) } };
    default:
      return {
        ...left,
        set: { item: [...new Set([...(left.set?.item ?? []), ...(right.set?.item ?? [])])] },
      };
  }
}

function remove(left: Resource, right: Resource): Resource {
  switch (left.type) {
    case 'SCALAR':
      return { ...left, scalar: { value: Math.max(0, milli(left) - milli(right)) / 1000 } };
    case 'RANGES':
      return { ...left, ranges: { range: subtractRanges(rangesOf(left), rangesOf(right)) } };
    default: {
      const gone = new Set(right.set?.item ?? []);
      return { ...left, set: { item: (left.set?.item ?? []).filter((item) => !gone.has(item)) } };
    }
  }
}

function isEmpty(resource: Resource): boolean {
  switch (resource.type) {
    case 'SCALAR':
      return milli(resource) === 0;
    case 'RANGES':
      return rangesOf(resource).length === 0;
    case 'SET':
      return (resource.set?.item ?? []).length === 0;
    default:
      return true;
  }
}

function milli(resource: Resource): number {
  return Math.round((resource.scalar?.value ?? 0) * 1000);
}

function rangesOf(resource: Resource): readonly Range[] {
  return resource.ranges?.range ?? [];
}

/** Sorted, overlapping and touching ranges joined. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const sorted = ranges
    .filter((range) => range.begin <= range.end)
    .toSorted((one, other) => one.begin - other.begin);
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && range.begin <= last.end + 1) {
      merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
    } else merged.push({ begin: range.begin, end: range.end });
  }
  return merged;
}

export function subtractRanges(left: readonly Range[], right: readonly Range[]): Range[] {
  let result = mergeRanges(left);
  for (const gone of right) {
    result = result.flatMap((range) => {
      if (gone.end < range.begin || gone.begin > range.end) return [range];
      const parts: Range[] = [];
      if (range.begin < gone.begin) parts.push({ begin: range.begin, end: gone.begin - 1 });
      if (gone.end < range.end) parts.push({ begin: gone.end + 1, end: range.end });
      return parts;
    });
  }
  return result;
}
