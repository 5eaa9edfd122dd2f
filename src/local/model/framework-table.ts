/** New entries of the master's table of frameworks. */
import type { FrameworkInfo } from '../../mesos/types.ts';
import type { Context } from './context.ts';
import type { Framework } from './state.ts';
import { table } from './tables.ts';

/** An empty id gets the next one; any other is taken as it is. */
export function addFramework(context: Context, info: FrameworkInfo, chosenId: string): Framework {
  const { state } = context;
  let id = chosenId;
  if (id === '') {
    id = `${state.settings.masterId}-${String(state.nextFrameworkNumber).padStart(4, '0')}`;
    state.nextFrameworkNumber += 1;
  }
  const framework: Framework = {
    id,
    info: { ...info, id: { value: id } },
    suppressedRoles: [],
    filters: [],
    tasks: table(),
    unreachableTasks: table(),
    operations: table(),
    completedTasks: [],
    registeredMs: context.nowMs,
    reregisteredMs: context.nowMs,
  };
  state.frameworks[id] = framework;
  return framework;
}
