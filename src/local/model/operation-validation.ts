/** Why an operation is refused (src/master/validation.cpp of Apache Mesos). */
import type { Resource } from '../../mesos/types.ts';
import { validateId } from './framework-validation.ts';
import { resourceText } from './resource-text.ts';
import { add, type Bundle, contains, isPersistentVolume, reservedRole, withoutVolume } from './resources.ts';

export function validateReservation(
  resources: readonly Resource[],
  principal: string | undefined,
  roles: readonly string[],
): string | undefined {
  for (const resource of resources) {
    const reservation = resource.reservations?.at(-1);
    const text = resourceText(resource);
    if (reservation === undefined || (reservation.type ?? 'DYNAMIC') !== 'DYNAMIC') {
      return `Resource ${text} is not dynamically reserved`;
    }
    if (principal !== undefined) {
      if (reservation.principal === undefined) {
        return `A reserve operation was attempted by principal '${principal}', but there is a reserved resource in the request with no principal set`;
      }
      if (reservation.principal !== principal) {
        return `A reserve operation was attempted by authenticated principal '${principal}', which does not match a reserved resource in the request with principal '${reservation.principal}'`;
      }
    }
    const role = reservation.role ?? '*';
    const above = resource.reservations?.at(-2)?.role;
    if (above !== undefined && !role.startsWith(`${above}/`)) {
      return `Invalid refined reservation: role '${role}' is not a refinement of '${above}'`;
    }
    const allocation = resource.allocation_info?.role ?? '*';
    if (role !== allocation) {
      return `A reserve operation was attempted for a resource with role '${role}', but the resource was allocated to role '${allocation}'`;
    }
    if (!roles.includes(role)) {
      return `A reserve operation was attempted for a resource allocated to role '${role}', but the framework only has roles '${roles.join(', ')}'`;
    }
  }
  return undefined;
}

export function validateVolumes(
  volumes: readonly Resource[],
  total: Bundle,
  principal: string | undefined,
): string | undefined {
  const taken = new Set<string>();
  for (const resource of total) {
    if (isPersistentVolume(resource)) taken.add(volumeKey(resource));
  }
  for (const volume of volumes) {
    const { persistence, volume: mount } = volume.disk ?? {};
    if (persistence === undefined) return "Not a persistent volume: 'persistence' is not set in DiskInfo";
    if (reservedRole(volume) === undefined) {
      return 'Invalid resources: Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources';
    }
    if (mount === undefined) return "Expecting 'volume' to be set for persistent volume";
    if (mount.host_path !== undefined) return "Expecting 'host_path' to be unset for persistent volume";
    if (mount.mode === 'RO') return 'Not a persistent volume: Read-only persistent volume not supported';
    const invalid = validateId(persistence.id);
    if (invalid !== undefined) return `Invalid persistence ID for persistent volume: ${invalid}`;
    const key = volumeKey(volume);
    if (taken.has(key)) return `Persistence ID '${persistence.id}' is not unique`;
    taken.add(key);
    if (principal !== undefined && persistence.principal !== principal) {
      return persistence.principal === undefined
        ? `Create volume operation attempted by principal '${principal}', but there is a volume in the operation with no principal set in 'disk.persistence'`
        : `Create volume operation attempted by authenticated principal '${principal}', which does not match a volume in the operation with principal '${persistence.principal}' set in 'disk.persistence'`;
    }
  }
  return undefined;
}

export function validateUnreservation(resources: readonly Resource[]): string | undefined {
  const bare = resources.find(
    (one) => one.reservations?.at(-1)?.type === 'STATIC' || one.reservations === undefined,
  );
  if (bare !== undefined) return `Resource ${resourceText(bare)} is not dynamically reserved`;
  return resources.some(isPersistentVolume)
    ? 'A dynamically reserved persistent volume cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource'
    : undefined;
}

/** `volumes` without allocation. */
export function validateDestruction(volumes: readonly Resource[], total: Bundle): string | undefined {
  if (!volumes.every(isPersistentVolume)) {
    return "Not a persistent volume: 'persistence' is not set in DiskInfo";
  }
  return contains(total, volumes) ? undefined : 'Persistent volumes not found';
}

/** Of any of our agents: all have RESIZE_VOLUME. */
export function validateGrowth(
  volume: Resource | undefined,
  addition: Resource | undefined,
): string | undefined {
  if (addition === undefined) {
    return "The size of 'GrowVolume.addition' field must be greater than zero";
  }
  if (volume === undefined || !isPersistentVolume(volume)) {
    return "Invalid persistent volume in the 'GrowVolume.volume' field: Resource does not have DiskInfo";
  }
  if (volume.shared !== undefined) return 'Growing a shared persistent volume is not supported';
  return add([withoutVolume(volume)], [addition]).length === 1
    ? undefined
    : "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields";
}

/** Persistence ids are unique per agent and role. */
function volumeKey(resource: Resource): string {
  return JSON.stringify([reservedRole(resource), resource.disk?.persistence?.id]);
}
