import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAge, formatBytes, formatDuration, formatTime } from '../../src/view/format.ts';
import { speaksUnicode, wantsColor } from '../../src/view/terminal.ts';
import { clip, clipLine, textOf, wrap } from '../../src/view/text.ts';

test('NO_COLOR goes before FORCE_COLOR, and that before what the terminal is', () => {
  assert.is(wantsColor({ TERM: 'xterm' }, true), true);
  assert.is(wantsColor({ TERM: 'xterm' }, false), false);
  assert.is(wantsColor({ TERM: 'dumb' }, true), false);
  assert.is(wantsColor({ NO_COLOR: '1' }, true), false);
  assert.is(wantsColor({ NO_COLOR: '' }, true), true);
  assert.is(wantsColor({ FORCE_COLOR: '1' }, false), true);
  assert.is(wantsColor({ FORCE_COLOR: '0' }, true), false);
  assert.is(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, true), false);
});

test('the first locale variable that is set decides about Unicode', () => {
  assert.is(speaksUnicode({ LANG: 'de_DE.UTF-8' }), true);
  assert.is(speaksUnicode({ LANG: 'C.utf8' }), true);
  assert.is(speaksUnicode({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }), false);
  assert.is(speaksUnicode({ LC_ALL: '', LC_CTYPE: 'UTF-8', LANG: 'C' }), true);
  assert.is(speaksUnicode({}), false);
});

test('durations, ages, times and bytes', () => {
  assert.equal([0, 59_499, 60_000, 3_600_000, 93_600_000, -5].map(formatDuration), [
    '0s',
    '59s',
    '1m00s',
    '1h00m',
    '1d02h',
    '0s',
  ]);
  assert.equal([59_999, 60_000, 3_599_999, 86_400_000].map(formatAge), ['59s', '1m', '59m', '1d']);
  assert.equal(
    [formatTime(0, 0), formatTime(0, -90), formatTime(-1, 0)],
    ['00:00:00', '22:30:00', '23:59:59'],
  );
  assert.equal([0, 812, 1000, 1536, 104_857_600, 1e15].map(formatBytes), [
    '0 B',
    '812 B',
    '1.0 KiB',
    '1.5 KiB',
    '100 MiB',
    '909 TiB',
  ]);
});

test('clipping keeps within the width, wide characters counted twice', () => {
  assert.is(clip('abcdef', 6, '…'), 'abcdef');
  assert.is(clip('abcdef', 4, '…'), 'abc…');
  assert.is(clip('日本語', 4, '…'), '日…');
  assert.is(clip('abc', 2, '...'), 'ab');
  assert.is(clip('abc', 0, '…'), '');
  assert.is(textOf(clipLine([{ text: 'abc' }, { text: 'def' }], 5, '…')), 'abcd…');
  assert.is(textOf(clipLine([{ text: 'abc' }, { text: 'def' }], 3, '…')), 'ab…');
});

test('wrapping breaks at spaces, long words where the line ends, and clips the last line', () => {
  assert.equal(wrap('one two three', 7, 3, '…'), ['one two', 'three']);
  assert.equal(wrap('one two three', 8, 2, '…'), ['one two', 'three']);
  assert.equal(wrap('abcdefgh ij', 4, 3, '…'), ['abcd', 'efgh', 'ij']);
  assert.equal(wrap('one two three four', 7, 2, '…'), ['one two', 'three…']);
});

test.run();
