/** Takes away what a run made: its frameworks with their tasks, its volumes, its reservations. */
import { agentId, labelOf, type Operator, type Resource } from './operator.ts';
import { Failure, until } from './report.ts';

/** What frameworks of these names have in Mesos, one line each. */
export async function leftOf(operator: Operator, names: readonly string[]): Promise<readonly string[]> {
  const frameworks = (await operator.frameworks()).filter((f) => names.includes(f.framework_info.name));
  const ids = new Set(frameworks.map((f) => f.framework_info.id?.value));
  const tasks = (await operator.tasks()).filter((task) => ids.has(task.framework_id.value));
  const agents = await operator.agents();
  return [
    ...frameworks.map(
      (f) => `framework ${f.framework_info.name} (${f.framework_info.id?.value ?? 'without id'})`,
    ),
    ...tasks.map((task) => `task ${task.task_id.value} (${task.state}) on ${task.agent_id.value}`),
    ...agents.flatMap((agent) =>
      ours(agent.total_resources, names).map((one) => `${describe(one)} on ${agent.agent_info.hostname}`),
    ),
  ];
}

/** Rejects with what could not be removed. Volumes of tasks that are being killed become free in a while. */
export async function removeAll(
  operator: Operator,
  names: readonly string[],
  waitMs: number,
): Promise<string> {
  const before = await leftOf(operator, names);
  for (const { framework_info: info } of await operator.frameworks()) {
    if (!names.includes(info.name) || info.id === undefined) continue;
    await operator.act({ type: 'TEARDOWN', teardown: { framework_id: info.id } });
  }
  const refusals = new Set<string>();
  await until(
    'nothing of this run is left in Mesos',
    waitMs,
    async () => {
      refusals.clear();
      for (const agent of await operator.agents()) {
        const agent_id = { value: agentId(agent) };
        const resources = ours(agent.total_resources, names);
        const volumes = resources.filter((one) => one.disk?.persistence !== undefined).map(bare);
        if (volumes.length > 0) {
          await attempt(refusals, () =>
            operator.act({ type: 'DESTROY_VOLUMES', destroy_volumes: { agent_id, volumes } }),
          );
        } else if (resources.length > 0) {
          await attempt(refusals, () =>
            operator.act({
              type: 'UNRESERVE_RESOURCES',
              unreserve_resources: { agent_id, resources: resources.map(bare) },
            }),
          );
        }
      }
      return (await leftOf(operator, names)).length === 0;
    },
    () => [...refusals].join('\n'),
    1_000,
  ).catch(async (error: Error) => {
    const left = await leftOf(operator, names).catch(() => ['(the master does not answer any more)']);
    throw new Failure(
      `${error.message}\nleft, and for you to remove:\n${left.map((one) => `  ${one}`).join('\n')}`,
    );
  });
  return before.length === 0 ? 'there was nothing' : `${before.length} things removed`;
}

async function attempt(refusals: Set<string>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    refusals.add(error.message);
  }
}

/** Our reservations carry our framework's name, volumes on them too. */
function ours(resources: readonly Resource[] = [], names: readonly string[]): readonly Resource[] {
  return resources.filter((one) => names.includes(labelOf(one, 'framework') ?? ''));
}

/** Listings say the reservation twice, in the old form and in the new; calls must say it once. */
function bare(resource: Resource): object {
  const {
    role: _role,
    reservation: _reservation,
    ...rest
  } = resource as Resource & { reservation?: unknown };
  return rest;
}

function describe({ name, scalar, ranges, disk }: Resource): string {
  if (disk?.persistence !== undefined) return `volume ${disk.persistence.id}`;
  const amount = scalar?.value ?? (ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`).join(',');
  return `reservation of ${name} ${amount}`;
}
