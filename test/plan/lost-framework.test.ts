import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FrameworkEntry, MesosInventory } from '../../src/model/mesos-inventory.ts';
import { findLostFramework } from '../../src/plan/lost-framework.ts';
import { makeBroker, makePlacement, reservedFor } from './builders.ts';

const ours = { name: 'kafka-mesos', role: 'kafka' };
const entry: FrameworkEntry = {
  id: 'F-1',
  name: 'kafka-mesos',
  roles: ['kafka'],
  connected: false,
  completed: false,
};
const none: MesosInventory = { frameworks: [entry], tasks: [], agents: [], recoveredAgents: [] };
const lost = (
  changes: Partial<MesosInventory>,
  framework: Partial<FrameworkEntry> = {},
): string | undefined =>
  findLostFramework({ ...none, frameworks: [{ ...entry, ...framework }], ...changes }, ours)?.id;
const running = {
  tasks: [
    {
      taskId: 'demo.0.1.x',
      frameworkId: 'F-1',
      agentId: 'a',
      state: 'TASK_RUNNING' as const,
      labels: {},
      resources: [],
    },
  ],
};

test('a framework of our name with tasks, reservations or a scheduler is lost', () => {
  assert.is(lost(running), 'F-1');
  assert.is(lost({ tasks: running.tasks.map((t) => ({ ...t, state: 'TASK_UNREACHABLE' as const })) }), 'F-1');
  assert.is(lost({}, { connected: true }), 'F-1');
  const broker = makeBroker(0);
  const [resource] = reservedFor('demo', broker, makePlacement('demo', broker));
  assert.ok(resource);
  const agent = { agentId: 'a', hostname: 'a', active: true, attributes: {} };
  const labels = { framework: 'kafka-mesos', cluster: 'demo', broker: '0', incarnation: 'i0' };
  const reserved = { ...resource, reservations: resource.reservations.map((r) => ({ ...r, labels })) };
  assert.is(lost({ agents: [{ ...agent, resources: [reserved] }] }), 'F-1');
});

test('what agents have that are not back yet is not known', () => {
  assert.is(lost({ recoveredAgents: [{ agentId: 'a', hostname: 'a' }] }), 'F-1');
});

test('another name or role, one that is completed, or one that has nothing is not in the way', () => {
  assert.is(lost(running, { name: 'other' }), undefined);
  assert.is(lost(running, { roles: ['other'] }), undefined);
  assert.is(lost(running, { completed: true }), undefined);
  assert.is(lost({}), undefined);
  assert.is(lost({ tasks: running.tasks.map((t) => ({ ...t, frameworkId: 'F-2' })) }), undefined);
});

test.run();
