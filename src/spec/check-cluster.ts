import type { DesiredBroker } from '../model/desired.ts';
import { brokerFieldsOf } from './check-fields.ts';
import type { Checked } from './checks.ts';
import { hasKnownNodes, pickFields } from './partial.ts';
import type { Path } from './path.ts';
import type { Finding } from './problems.ts';
import { resolvePool } from './resolve.ts';
import { formatIds } from './units.ts';

/** The consent to a removal is the cluster's own name, so that a block copied from another file removes nothing. */
export function checkDeletion({ document, isSound }: Checked): readonly Finding[] {
  const { metadata, spec } = document;
  const deletion = spec?.deletion;
  if (deletion === undefined || !isSound('spec', 'deletion') || !isSound('metadata', 'name')) return [];
  if (deletion.confirm === metadata.name) return [];
  return [
    {
      code: 'KM_SPEC_CONFIRM',
      path: ['spec', 'deletion', 'confirm'],
      message: `the removal of ${metadata.name} is confirmed by its name, not by ${deletion.confirm}`,
      remedy: `Say \`confirm: ${metadata.name}\` if that is the cluster to remove.`,
    },
  ];
}

/** What shows only when all nodes are looked at together. */
export function checkCluster(checked: Checked): readonly Finding[] {
  if (!hasKnownNodes(checked)) return [];
  const bare = pickFields(checked, ['roles', 'listeners', 'controllerListener', 'constraints']);
  const nodes = bare.spec.pools.flatMap((pool) => resolvePool(bare, pool, 1));
  return [...checkRoles(nodes), ...(hasKnownPorts(checked) ? checkSharedPorts(nodes) : [])];
}

function hasKnownPorts(checked: Checked): boolean {
  const { isSound } = checked;
  const places: readonly Path[] = [['spec'], ...brokerFieldsOf(checked).map(({ path }) => path)];
  return places.every((path) =>
    ['listeners', 'controllerListener', 'constraints'].every((field) => isSound(...path, field)),
  );
}

function checkRoles(nodes: readonly DesiredBroker[]): readonly Finding[] {
  const path = ['spec', 'pools'];
  const controllers = nodes.filter(({ roles }) => roles.includes('controller')).length;
  const findings: Finding[] = [];
  if (nodes.every(({ roles }) => !roles.includes('broker'))) {
    const message = 'no pool has the role broker, so nothing would serve clients';
    findings.push({
      code: 'KM_SPEC_NO_BROKER',
      path,
      on: 'key',
      message,
      remedy: 'Add `roles: [broker]` to one.',
    });
  }
  const code = 'KM_SPEC_QUORUM';
  if (controllers === 0) {
    const message = 'no pool has the role controller, and Kafka does not run without';
    const remedy = 'Add `roles: [controller]` to one, best with three nodes.';
    findings.push({ code: 'KM_SPEC_NO_CONTROLLER', path, on: 'key', message, remedy });
  } else if (controllers < 3) {
    const message = `with ${controllers === 1 ? 'one controller' : 'two controllers'} the cluster stands still while ${controllers === 1 ? 'it' : 'either'} is down or restarted`;
    findings.push({
      severity: 'warning',
      code,
      path,
      on: 'key',
      message,
      remedy: 'Use three for anything that matters.',
    });
  } else if (controllers % 2 === 0) {
    const message = `${controllers} controllers bear the loss of ${controllers / 2 - 1}, as ${controllers - 1} would`;
    const remedy = `Use ${controllers - 1} or ${controllers + 1}.`;
    findings.push({ severity: 'warning', code, path, on: 'key', message, remedy });
  }
  return findings;
}

/** Two brokers with one fixed port cannot be on one agent: they wait for agents of their own. */
function checkSharedPorts(nodes: readonly DesiredBroker[]): readonly Finding[] {
  const users = new Map<number, number[]>();
  for (const { id, listeners, controllerListener, constraints } of nodes) {
    if (constraints.some(({ kind, attribute }) => kind === 'unique' && attribute === 'hostname')) continue;
    for (const { port } of [
      ...listeners,
      ...(controllerListener === undefined ? [] : [controllerListener]),
    ]) {
      if (port.kind === 'fixed') users.set(port.port, [...(users.get(port.port) ?? []), id]);
    }
  }
  return [...users]
    .filter(([, ids]) => ids.length > 1)
    .map(([port, ids]) => ({
      severity: 'warning',
      code: 'KM_SPEC_PORT_SHARED',
      path: ['spec', 'pools'],
      on: 'key',
      message: `brokers ${formatIds(ids)} may share a host and all want port ${port}, which only one of them gets there`,
      remedy: 'Use `port: any` or a range, or the rule `hostname unique`.',
    }));
}
