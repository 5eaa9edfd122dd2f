// A small custom executor for Mesos' v1 executor API in JSON: runs a task until it is killed, and subscribes
// again with what is unacknowledged whenever its stream breaks, as an executor has to.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';

const { MESOS_AGENT_ENDPOINT: endpoint, MESOS_EXECUTOR_ID: id, MESOS_FRAMEWORK_ID: framework } = process.env;
const url = `http://${endpoint}/api/v1/executor`;
const who = { executor_id: { value: id }, framework_id: { value: framework } };
const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
const tasks = new Map();
const launched = [];
const updates = new Map();
const note = (line) => appendFileSync('executor.log', `${line}\n`);

// A child in a session of its own, as a JVM started by an executor may be.
const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
note(`child ${child.pid}`);

const post = (call) => fetch(url, { method: 'POST', headers, body: JSON.stringify({ ...who, ...call }) });

async function update(task, state) {
  const uuid = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64');
  const status = {
    task_id: task.task_id,
    state,
    uuid,
    source: 'SOURCE_EXECUTOR',
    timestamp: Date.now() / 1000,
  };
  updates.set(uuid, { status });
  // A failed call is made good by the next SUBSCRIBE.
  await post({ type: 'UPDATE', update: { status } }).catch(() => {});
}

async function handle(event) {
  note(event.type);
  switch (event.type) {
    case 'LAUNCH':
      launched.push(event.launch.task);
      tasks.set(event.launch.task.task_id.value, event.launch.task);
      await update(event.launch.task, 'TASK_RUNNING');
      break;
    case 'ACKNOWLEDGED':
      updates.delete(event.acknowledged.uuid);
      tasks.delete(event.acknowledged.task_id.value);
      break;
    case 'KILL':
      await update({ task_id: event.kill.task_id }, 'TASK_KILLED');
      setTimeout(() => process.exit(0), 200);
      break;
    case 'SHUTDOWN':
      process.exit(0);
  }
}

async function subscribeOnce() {
  const subscribe = {
    unacknowledged_tasks: [...tasks.values()],
    unacknowledged_updates: [...updates.values()],
  };
  const response = await post({ type: 'SUBSCRIBE', subscribe });
  if (response.status !== 200) throw new Error(`${response.status}`);
  let rest = Buffer.alloc(0);
  for await (const chunk of response.body) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const line = rest.indexOf(10);
      if (line < 0) break;
      const length = Number(rest.subarray(0, line).toString());
      if (rest.length < line + 1 + length) break;
      const event = JSON.parse(rest.subarray(line + 1, line + 1 + length).toString());
      rest = rest.subarray(line + 1 + length);
      await handle(event);
    }
  }
}

// Ended from outside, as with its machine.
process.on('SIGTERM', async () => {
  for (const task of launched) await update(task, 'TASK_KILLED');
  child.kill();
  setTimeout(() => process.exit(0), 200);
});

for (;;) {
  await subscribeOnce().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
}
