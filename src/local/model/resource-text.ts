/**
 * Resources in the words of Mesos' own messages, such as
 * `cpus(allocated: kafka)(reservations: [(DYNAMIC,kafka,kafka,{broker: 0})]):1; ports(allocated: kafka):[1-2]`.
 */
import type { ReservationInfo, Resource } from '../../mesos/types.ts';

export function resourcesText(resources: readonly Resource[]): string {
  return resources.length === 0 ? '{}' : resources.map(resourceText).join('; ');
}

export function resourceText(resource: Resource): string {
  const { allocation_info: allocation, reservations = [], disk } = resource;
  let text = resource.name;
  if (allocation !== undefined) text += `(allocated: ${allocation.role ?? ''})`;
  if (reservations.length > 0) {
    text += `(reservations: [${reservations.map((one) => `(${reservationText(one)})`).join(',')}])`;
  }
  if (disk !== undefined) {
    const source = disk.source;
    const root = source?.path?.root ?? source?.mount?.root;
    if (source !== undefined) text += `[${source.type}${root === undefined ? '' : `:${root}`}`;
    else text += '[';
    if (disk.persistence !== undefined) {
      text += `${source === undefined ? '' : ','}${disk.persistence.id}`;
    }
    if (disk.volume !== undefined) text += `:${disk.volume.container_path}`;
    text += ']';
  }
  if (resource.revocable !== undefined) text += '{REV}';
  if (resource.shared !== undefined) text += '<SHARED>';
  return `${text}:${amountText(resource)}`;
}

function amountText(resource: Resource): string {
  switch (resource.type) {
    case 'SCALAR':
      return String(Math.round((resource.scalar?.value ?? 0) * 1000) / 1000);
    case 'RANGES':
      return `[${(resource.ranges?.range ?? []).map((range) => `${range.begin}-${range.end}`).join(', ')}]`;
    default:
      return `{${(resource.set?.item ?? []).join(', ')}}`;
  }
}

function reservationText(reservation: ReservationInfo): string {
  const parts = [reservation.type ?? 'DYNAMIC', reservation.role ?? ''];
  if (reservation.principal !== undefined) parts.push(reservation.principal);
  if (reservation.labels !== undefined) {
    const labels = (reservation.labels.labels ?? []).map((label) =>
      label.value === undefined ? label.key : `${label.key}: ${label.value}`,
    );
    parts.push(`{${labels.join(', ')}}`);
  }
  return parts.join(',');
}
