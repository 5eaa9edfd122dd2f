import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  findLeaderNode,
  formatHostPort,
  parseMasterAddress,
  parseMasterInfo,
  parseRedirect,
} from '../../src/mesos/master-address.ts';
import { ProtocolError, SpecError } from '../../src/model/errors.ts';

const at = (host: string, port: number) => ({ host, port });

test('one host, or a list, with the default port of a master', () => {
  assert.equal(parseMasterAddress('m1:5051'), { kind: 'hosts', hosts: [at('m1', 5051)] });
  assert.equal(parseMasterAddress(' 10.0.0.1 , m2.example:1 ,[::1]:5050'), {
    kind: 'hosts',
    hosts: [at('10.0.0.1', 5050), at('m2.example', 1), at('::1', 5050)],
  });
});

test('ZooKeeper, with and without credentials', () => {
  assert.equal(parseMasterAddress('zk://z1,z2:2182/mesos'), {
    kind: 'zookeeper',
    zookeeper: { servers: [at('z1', 2181), at('z2', 2182)], path: '/mesos' },
  });
  assert.equal(parseMasterAddress('zk://user:p@ss:w@z1:2181/prod/mesos/'), {
    kind: 'zookeeper',
    zookeeper: { servers: [at('z1', 2181)], path: '/prod/mesos', digest: 'user:p@ss:w' },
  });
});

test('what is no address is a SpecError that says why', () => {
  const refused: [string, string][] = [
    ['', '"" is no host:port'],
    ['m1:5050,', '"" is no host:port'],
    ['http://m1:5050', 'is no host:port'],
    ['m1:0', '0 is no port'],
    ['m1:65536', '65536 is no port'],
    ['m1:5050/path', 'is no host:port'],
    ['zk://z1:2181', 'names no path'],
    ['zk://z1:2181/', 'names no path'],
    ['zk://z1:2181/a//b', 'empty part'],
    ['zk://z1:2181/a/../b', 'does not take'],
    ['zk:///mesos', '"" is no host:port'],
    ['zk://user@z1/mesos', 'not user:password'],
  ];
  for (const [text, reason] of refused) {
    assert.throws(
      () => parseMasterAddress(text),
      (error: unknown) => error instanceof SpecError && error.message.includes(reason),
      text,
    );
  }
});

test('no part of the credentials gets into an error', () => {
  for (const text of [
    'zk://user:hunter2@z1:99999/mesos',
    'zk://user:hunter2@/mesos',
    'user:hunter2@z1:2181',
  ]) {
    assert.throws(
      () => parseMasterAddress(text),
      (error: unknown) => error instanceof SpecError && !/hunter2/.test(`${error.message}${error.stack}`),
      text,
    );
  }
});

test('any text is an address or a SpecError', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('', 'zk://', 'zk://a:b@'), (text, prefix) => {
      try {
        parseMasterAddress(prefix + text);
      } catch (error) {
        assert.instance(error, SpecError);
      }
    }),
  );
});

test('an address is written as it is read', () => {
  for (const text of ['m1:5051', '[::1]:5050']) {
    const address = parseMasterAddress(text);
    assert.ok(address.kind === 'hosts');
    assert.is(formatHostPort(address.hosts[0]), text);
  }
});

test('the lowest sequence leads; other children do not count', () => {
  const children = [
    'json.info_0000000012',
    'log_replicas',
    'info_0000000001',
    'json.info_0000000009',
    'json.info_x',
  ];
  assert.is(findLeaderNode(children), 'json.info_0000000009');
  assert.is(findLeaderNode(['log_replicas']), undefined);
  assert.is(findLeaderNode([]), undefined);
});

test('a MasterInfo as a real master wrote it', () => {
  const recorded =
    '{"address":{"hostname":"m1.example","ip":"127.0.19.1","port":5050},"capabilities":[{"type":"AGENT_UPDATE"},' +
    '{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],"hostname":"m1.example","id":"a868be6f-07e2-499d-bd60-677b3a81a521",' +
    '"ip":18022527,"pid":"master@127.0.19.1:5050","port":5050,"version":"1.12.0"}';
  assert.equal(parseMasterInfo(recorded), at('127.0.19.1', 5050));
  assert.equal(parseMasterInfo('{"hostname":"old","ip":18022527,"port":5051}'), at('old', 5051));
  for (const broken of [
    '',
    '{',
    'null',
    '[]',
    '{"port":5050}',
    '{"hostname":"m1"}',
    '{"hostname":"m1","port":"5050"}',
  ]) {
    assert.throws(
      () => parseMasterInfo(broken),
      (error: unknown) => error instanceof ProtocolError,
      broken,
    );
  }
});

test('the Location of a 307 has no scheme', () => {
  assert.equal(parseRedirect('//127.0.19.1:5050/master/api/v1/scheduler'), at('127.0.19.1', 5050));
  assert.equal(parseRedirect('//[::1]:5050/x'), at('::1', 5050));
  assert.equal(parseRedirect('http://m1:5051/x'), at('m1', 5051));
  for (const none of [undefined, '', '/master', 'nonsense', '//'])
    assert.is(parseRedirect(none), undefined, String(none));
});

test.run();
