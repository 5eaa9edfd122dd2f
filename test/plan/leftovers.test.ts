import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { MesosInventory } from '../../src/model/mesos-inventory.ts';
import { findLeftovers } from '../../src/plan/leftovers.ts';
import {
  makeBroker,
  makeDesired,
  makeMemory,
  makePlacement,
  makeRecord,
  nowMs,
  reservedFor,
} from './builders.ts';

const desired = makeDesired();
const nothing: MesosInventory = { frameworks: [], tasks: [], agents: [], recoveredAgents: [] };
const framework = { name: 'kafka-mesos', id: 'F' };
const agent = { agentId: 'agent-1', hostname: 'h1', active: true, attributes: {}, resources: [] };

test('nothing is left where nothing is shown; others’ tasks and reservations are not ours', () => {
  assert.equal(findLeftovers(nothing, framework, []), []);
  const others: MesosInventory = {
    ...nothing,
    tasks: [
      { taskId: 't', frameworkId: 'G', agentId: 'agent-1', state: 'TASK_RUNNING', labels: {}, resources: [] },
    ],
    agents: [
      {
        ...agent,
        resources: [
          { name: 'cpus', scalar: 1, reservations: [] },
          {
            name: 'mem',
            scalar: 1,
            reservations: [{ kind: 'dynamic', role: 'kafka', labels: { framework: 'another' } }],
          },
        ],
      },
    ],
  };
  assert.equal(findLeftovers(others, framework, []), []);
});

test('tasks, reservations, volumes, and agents that the master cannot speak for', () => {
  const broker = makeBroker(1);
  const found = findLeftovers(
    {
      ...nothing,
      tasks: [
        {
          taskId: 'a',
          frameworkId: 'F',
          agentId: 'agent-1',
          state: 'TASK_RUNNING',
          labels: {},
          resources: [],
        },
        {
          taskId: 'b',
          frameworkId: 'F',
          agentId: 'agent-2',
          state: 'TASK_UNREACHABLE',
          labels: {},
          resources: [],
        },
      ],
      agents: [{ ...agent, resources: reservedFor('demo', broker, makePlacement('demo', broker)) }],
      recoveredAgents: [{ agentId: 'agent-3', hostname: 'h3' }],
    },
    framework,
    [],
  );
  assert.equal(
    found.map((l) => `${l.kind} ${l.hostname} ${l.what}`),
    [
      'task h1 a',
      'unreachable-task agent-2 b',
      'reservation h1 cpus 1.1 of broker 1 of demo',
      'reservation h1 mem 1152 of broker 1 of demo',
      'volume h1 demo-1-data-i1 of broker 1 of demo',
      'reservation h1 ports 31100-31100, 31101-31101 of broker 1 of demo',
      'unseen-agent h3 the master has not heard of it since it was elected',
    ],
  );
});

test('a place on an agent that is away is known from the record only', () => {
  const left = {
    incarnation: 'old',
    agentId: 'agent-9',
    hostname: 'h9',
    sinceMs: nowMs,
    cause: 'removed' as const,
    formatted: true,
  };
  const { placement: _none, task: _over, ...record } = makeRecord(desired, makeBroker(7));
  const memory = makeMemory({ ...desired, brokers: [] }, [{ ...record, leftBehind: [left] }]);
  const away = findLeftovers(nothing, framework, [memory]);
  assert.equal(
    away.map((l) => `${l.kind} ${l.hostname} ${l.what}`),
    ['record h9 the place of broker 7 of demo, incarnation old'],
  );
  const back = { ...nothing, agents: [{ ...agent, agentId: 'agent-9' }] };
  assert.equal(findLeftovers(back, framework, [memory]), [], 'the master speaks for it');
});

test.run();
