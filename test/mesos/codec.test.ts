import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as codec from '../../src/mesos/codec.ts';
import { createRecordDecoder } from '../../src/mesos/record-io.ts';
import type { ExecutorCall, Resource, SchedulerCall } from '../../src/mesos/types.ts';
import { decodeMessage, encodeMessage, messageType } from '../../src/mesos/wire.ts';
import { InvariantError, ProtocolError } from '../../src/model/errors.ts';
import { type Exchange, normaliseBody, readFixtures } from './recordings.ts';

const codecs = {
  scheduler: {
    request: [codec.decodeSchedulerCall, codec.encodeSchedulerCall],
    event: [codec.decodeSchedulerEvent, codec.encodeSchedulerEvent],
  },
  executor: {
    request: [codec.decodeExecutorCall, codec.encodeExecutorCall],
    event: [codec.decodeExecutorEvent, codec.encodeExecutorEvent],
  },
} as const;

function codecOf({ api, kind }: Exchange) {
  const [decode, encode] = codecs[api][kind];
  return { decode, encode: encode as (message: unknown) => Uint8Array };
}

function messageOf({ kind, raw, place }: Exchange): Uint8Array {
  if (kind === 'request') return raw;
  const [record, ...others] = createRecordDecoder().push(raw);
  assert.ok(record && others.length === 0, `${place}: one record`);
  return record;
}

const exchanges = readFixtures('protobuf');

function assertDecodes(exchange: Exchange): void {
  const decoded = codecOf(exchange).decode(messageOf(exchange));
  assert.equal(decoded, normaliseBody(exchange.body), exchange.place);
}

function assertSurvivesEncoding({ body, place, ...exchange }: Exchange): void {
  const { encode, decode } = codecOf({ body, place, ...exchange });
  const message = normaliseBody(body);
  assert.equal(decode(encode(message)), message, place);
}

test('recordings: every message decodes to its body', () => {
  assert.ok(exchanges.length >= 300, `only ${exchanges.length} messages`);
  exchanges.forEach(assertDecodes);
});

test('recordings: every JSON event of all scenarios survives our encoding', () => {
  const events = readFixtures('json').filter(({ kind }) => kind === 'event');
  assert.ok(events.length >= 500, `only ${events.length} messages`);
  events.forEach(assertSurvivesEncoding);
});

test('recordings: every JSON call of all scenarios but the bad ones survives our encoding', () => {
  const calls = readFixtures('json').filter(
    ({ kind, place }) => kind === 'request' && !place.startsWith('12-'),
  );
  assert.ok(calls.length >= 300, `only ${calls.length} messages`);
  calls.forEach(assertSurvivesEncoding);
});

test('recordings: what we encode decodes to the same message', () => {
  exchanges.forEach(assertSurvivesEncoding);
});

test('recordings: a JSON body is read into the same message', () => {
  const calls = exchanges.filter(({ kind }) => kind === 'request');
  assert.ok(calls.length > 50);
  for (const { api, body, place } of calls) {
    const read = api === 'scheduler' ? codec.readSchedulerCallJson : codec.readExecutorCallJson;
    // The numbers are text in these bodies, which a master accepts as well.
    assert.equal(read(body), normaliseBody(body), place);
  }
});

test('the reference implementation of protobufjs reads the same out of our bytes', () => {
  const type = messageType('scheduler.Call');
  for (const { api, kind, body, place } of exchanges) {
    if (api !== 'scheduler' || kind !== 'request') continue;
    const bytes = codec.encodeSchedulerCall(normaliseBody(body) as SchedulerCall);
    const read = type.toObject(type.decode(bytes), { enums: String, bytes: String, longs: Number });
    assert.equal(JSON.parse(JSON.stringify(read)), normaliseBody(body), place);
  }
});

test('required zeros are on the wire', () => {
  const cpus: Resource = { name: 'c', type: 'SCALAR', scalar: { value: 0 } };
  assert.equal(
    Buffer.from(encodeMessage(messageType('Resource'), cpus)).toString('hex'),
    // name "c"; type SCALAR = 0; scalar { value 0.0 }
    '0a016310001a09090000000000000000',
  );
  assert.is(
    Buffer.from(encodeMessage(messageType('DiscoveryInfo'), { visibility: 'FRAMEWORK' })).toString('hex'),
    '0800',
  );
  const status = { task_id: { value: 't' }, state: 'TASK_STARTING' };
  assert.is(Buffer.from(encodeMessage(messageType('TaskStatus'), status)).toString('hex'), '0a030a01741000');
});

test('presence is kept: a set default is not an absent field', () => {
  const type = messageType('FrameworkInfo');
  const info = { user: '', name: '', failover_timeout: 0, checkpoint: false, roles: ['a'] };
  assert.equal(decodeMessage(type, encodeMessage(type, info)), info);
  assert.equal(decodeMessage(type, encodeMessage(type, { user: '', name: '' })), { user: '', name: '' });
  const command = { shell: false, uris: [{ value: 'x', extract: false }] };
  assert.equal(
    decodeMessage(messageType('CommandInfo'), encodeMessage(messageType('CommandInfo'), command)),
    command,
  );
  const constraint = { selector: { attribute_name: 'rack' }, predicate: { exists: {} } };
  const constraintType = messageType('scheduler.AttributeConstraint');
  assert.equal(decodeMessage(constraintType, encodeMessage(constraintType, constraint)), constraint);
});

test('maps keep their keys, whatever they are', () => {
  const type = messageType('TaskInfo');
  const limits = JSON.parse('{"cpus":{"value":1.5},"__proto__":{"value":2},"":{"value":3}}');
  const task = { name: 'n', task_id: { value: 't' }, agent_id: { value: 'a' }, limits };
  const decoded = decodeMessage(type, encodeMessage(type, task));
  assert.is(JSON.stringify(decoded.limits), JSON.stringify(limits));
});

test('a message that a master would refuse is not written, and the error names the field', () => {
  const framework = { framework_id: { value: 'f' } };
  const refused: [string, unknown][] = [
    ['Call.framework_id.value is required', { type: 'TEARDOWN', framework_id: {} }],
    ['Call.kill.task_id is required', { ...framework, type: 'KILL', kill: {} }],
    ['Call.kill.taskId does not exist', { ...framework, type: 'KILL', kill: { taskId: { value: 't' } } }],
    ['is no Type: "KILLS"', { ...framework, type: 'KILLS' }],
    ['is no Type: 2', { ...framework, type: 2 }],
    ['without a type', { ...framework, type: 'UNKNOWN' }],
    ['without a type', framework],
    [
      'Call.accept.operations[0].reserve.resources[0].type is required',
      {
        ...framework,
        type: 'ACCEPT',
        accept: { operations: [{ type: 'RESERVE', reserve: { resources: [{ name: 'cpus' }] } }] },
      },
    ],
  ];
  for (const [reason, call] of refused) {
    assert.throws(
      () => codec.encodeSchedulerCall(call as SchedulerCall),
      (error: unknown) => error instanceof InvariantError && error.message.includes(reason),
      reason,
    );
  }
  assert.throws(
    () => codec.encodeExecutorCall({ type: 'UNKNOWN' } as unknown as ExecutorCall),
    /without a type/,
  );
});

test('64-bit integers: exact, or refused; a time is the nearest number', () => {
  const range = messageType('Value.Range');
  const largest = { begin: 0, end: Number.MAX_SAFE_INTEGER };
  assert.equal(decodeMessage(range, encodeMessage(range, largest)), largest);
  for (const end of [2 ** 53, -1, 1.5, Number.NaN, '5']) {
    assert.throws(() => encodeMessage(range, { begin: 0, end }), /Range.end is no uint64/);
  }
  const beyond = protobuf.Writer.create()
    .uint32(8)
    .uint64(0)
    .uint32(16)
    .uint64(2 ** 53)
    .finish();
  assert.throws(() => decodeMessage(range, beyond), /Range.end: 9007199254740992 is beyond/);

  const time = messageType('TimeInfo');
  const now = { nanoseconds: 1_795_353_314_768_009_000 };
  assert.equal(decodeMessage(time, encodeMessage(time, now)), now);
  const past = { nanoseconds: -5 };
  assert.equal(decodeMessage(time, encodeMessage(time, past)), past);
  const exact = protobuf.Writer.create()
    .uint32(8)
    .int64('1795353314768009123' as unknown as number)
    .finish();
  assert.equal(decodeMessage(time, exact), { nanoseconds: Number('1795353314768009123') });
});

test('what a newer master adds is tolerated', () => {
  // type 99
  assert.equal(codec.decodeSchedulerEvent(Uint8Array.of(0x08, 99)), { type: 'UNKNOWN' });
  assert.equal(codec.decodeExecutorEvent(Uint8Array.of(0x08, 99)), { type: 'UNKNOWN' });
  // HEARTBEAT, then fields 100 (varint), 101 (bytes), 102 (8 bytes), 103 (4 bytes)
  const writer = protobuf.Writer.create().uint32(8).int32(8);
  writer.uint32(800).uint32(7).uint32(810).string('new').uint32(817).double(1).uint32(829).fixed32(1);
  assert.equal(codec.decodeSchedulerEvent(writer.finish()), { type: 'HEARTBEAT' });
  // A reason of 99 in an UPDATE: the status stays, the reason is absent, as with the C++ library.
  const status = protobuf.Writer.create();
  status.uint32(10).fork().uint32(10).string('t').ldelim().uint32(16).int32(1).uint32(80).int32(99);
  const decoded = decodeMessage(messageType('TaskStatus'), status.finish());
  assert.equal(decoded, { task_id: { value: 't' }, state: 'TASK_RUNNING' });
});

test('what is no such message is a ProtocolError', () => {
  const cases: [string, () => unknown][] = [
    ['a required field is missing', () => codec.decodeSchedulerEvent(Uint8Array.of(0x08, 4, 0x2a, 0))],
    ['the payload of the type is missing', () => codec.decodeSchedulerEvent(Uint8Array.of(0x08, 4))],
    ['a length beyond the end', () => codec.decodeSchedulerEvent(Uint8Array.of(0x12, 0x7f))],
    ['a cut varint', () => codec.decodeSchedulerEvent(Uint8Array.of(0x08, 0xff))],
    [
      'an unknown required state',
      () => decodeMessage(messageType('TaskStatus'), Uint8Array.of(10, 3, 10, 1, 116, 16, 99)),
    ],
    [
      'endless nesting',
      () => {
        let bytes = Uint8Array.of(10, 1, 97);
        for (let depth = 0; depth < 200; depth += 1) {
          bytes = protobuf.Writer.create()
            .uint32(10)
            .string('a')
            .uint32(18)
            .bytes(bytes)
            .finish() as Uint8Array<ArrayBuffer>;
        }
        return decodeMessage(messageType('ContainerID'), bytes);
      },
    ],
  ];
  for (const [name, decode] of cases) {
    assert.throws(decode, (error: unknown) => error instanceof ProtocolError, name);
  }
});

test('a message that comes in two parts is merged, packed numbers are read', () => {
  // Offer.Operation-like: Label twice within Labels is two; FrameworkInfo.id twice is one, the last value.
  const type = messageType('FrameworkInfo');
  const writer = protobuf.Writer.create().uint32(10).string('u').uint32(18).string('n');
  writer.uint32(26).fork().uint32(10).string('one').ldelim();
  writer.uint32(26).fork().uint32(10).string('two').ldelim();
  assert.equal(decodeMessage(type, writer.finish()), { user: 'u', name: 'n', id: { value: 'two' } });
  const check = protobuf.Writer.create()
    .uint32(8)
    .uint32(80)
    .uint32(34)
    .bytes(Uint8Array.of(0xc8, 1, 0xca, 1))
    .finish();
  assert.equal(decodeMessage(messageType('HealthCheck.HTTPCheckInfo'), check), {
    port: 80,
    statuses: [200, 202],
  });
});

test('fuzz: damaged recordings are messages or ProtocolErrors, nothing else', () => {
  const recorded = fc.constantFrom(...exchanges.filter((_, index) => index % 7 === 0));
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(recorded, damage, fc.nat(), (exchange, hits, cut) => {
      const bytes = Uint8Array.from(messageOf(exchange));
      for (const [at, octet] of hits) bytes[at % bytes.length] = octet;
      const damaged = bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
      try {
        codecOf(exchange).decode(damaged);
      } catch (error) {
        assert.instance(error, ProtocolError);
      }
    }),
    { numRuns: 500 },
  );
});

test('JSON: a master is lenient here and strict there', () => {
  const read = codec.readSchedulerCallJson;
  const framework_id = { value: 'f' };
  assert.equal(read({ type: 'REVIVE', framework_id, novelty: { a: 1 }, revive: null }), {
    type: 'REVIVE',
    framework_id,
  });
  assert.equal(read({ type: 'NO_SUCH_CALL', framework_id }), { framework_id });
  const grace = { kill_policy: { grace_period: { nanoseconds: '5000000000' } } };
  assert.equal(read({ kill: { task_id: { value: 't' }, ...grace } }), {
    kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds: 5_000_000_000 } } },
  });
  const refusals: [unknown, string][] = [
    [[], 'Expecting a JSON object'],
    [{ type: 11 }, "Not expecting a JSON number for field 'type'"],
    [{ kill: {} }, 'Missing required fields: kill.task_id'],
    [
      { subscribe: { framework_info: { name: 'n', failover_timeout: 'long' } } },
      "Failed to parse 'long' as a JSON number for field 'failover_timeout'",
    ],
    [
      { subscribe: { framework_info: { name: 'n' } } },
      'Missing required fields: subscribe.framework_info.user',
    ],
    [{ framework_id: 'f' }, "Not expecting a JSON string for field 'framework_id'"],
    [
      { accept: { operations: [{ reserve: { resources: [{ name: 'a', type: 'ODD' }] } }] } },
      "Failed to find enum for 'ODD'",
    ],
  ];
  for (const [json, message] of refusals) {
    assert.throws(
      () => read(json),
      (error: unknown) => error instanceof ProtocolError && error.message === message,
      message,
    );
  }
});

test.run();
