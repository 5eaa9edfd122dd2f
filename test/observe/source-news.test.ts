import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SourceLine } from '../../src/model/source.ts';
import { foldSources } from '../../src/observe/source-news.ts';

const line = (name: string, state: SourceLine['state'], message = `${name} is ${state}`): SourceLine => ({
  name,
  state,
  message,
});

/** What is told of each look, one after the other. */
function toldOf(...looks: readonly (readonly SourceLine[])[]): readonly (readonly string[])[] {
  let told = {};
  return looks.map((lines) => {
    const folded = foldSources(told, lines);
    told = folded.told;
    return folded.news.map(({ clusterName, severity, message }) => `${clusterName} ${severity} ${message}`);
  });
}

test('a trouble is told once, another one of the same file too, and its end', () => {
  assert.equal(
    toldOf(
      [line('a', 'well')],
      [line('a', 'broken')],
      [line('a', 'broken', 'in other words')],
      [line('a', 'missing')],
      [line('a', 'well')],
      [line('a', 'well')],
    ),
    [[], ['a warning a is broken'], [], ['a warning a is missing'], ['a info in order again: a is well'], []],
  );
});

test('what happens while the directory is away is told when it is back', () => {
  const away = [line('', 'unreadable'), line('a', 'away'), line('b', 'away')];
  assert.equal(
    toldOf([line('', 'broken'), line('a', 'broken'), line('b', 'broken')], away, [
      line('', 'well'),
      line('a', 'well'),
      line('b', 'broken'),
    ]).slice(1),
    [[' warning  is unreadable'], [' info in order again:  is well', 'a info in order again: a is well']],
  );
});

test('many of one kind are one piece of news, and so is their end', () => {
  const all = (state: SourceLine['state']) => [1, 2, 3, 4].map((n) => line(`c${n}`, state));
  assert.equal(toldOf(all('behind'), all('behind'), all('well')), [
    [' warning 4 clusters are not followed, among them c1: c1 is behind'],
    [],
    [' info 4 clusters are followed again, among them c1: in order again: c1 is well'],
  ]);
});

test('the end of what somebody suspends, or of a cluster that went, is no news', () => {
  assert.equal(toldOf([line('a', 'broken')], [line('a', 'quiet')], [line('a', 'well')]).slice(1), [[], []]);
  const { told, news } = foldSources({ a: 'broken' }, [line('', 'well')]);
  assert.equal([told, news], [{}, []]);
});

test('a cluster may have the name of what every object has', () => {
  assert.equal(
    toldOf([line('constructor', 'well')], [line('constructor', 'broken')], [line('constructor', 'well')]),
    [
      [],
      ['constructor warning constructor is broken'],
      ['constructor info in order again: constructor is well'],
    ],
  );
});

test('nothing new is the very same record', () => {
  const told = { a: 'broken' };
  assert.is(foldSources(told, [line('a', 'broken'), line('b', 'well')]).told, told);
});

test.run();
