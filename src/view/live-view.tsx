import { Box, type Key, Text, type TextProps, useInput, useWindowSize } from 'ink';
import { type Layout, layoutScreen, type Screen } from './layout.ts';
import type { Line, Tone } from './text.ts';
import type { ViewKey } from './view-state.ts';

export type LiveViewProps = {
  readonly screen: Screen;
  readonly layout: Omit<Layout, 'width' | 'height'>;
  readonly color: boolean;
  /** Whether keys can be read: Ctrl-C and q then leave. */
  readonly readsKeys: boolean;
  readonly onLeave: () => void;
  readonly onKey: (key: ViewKey) => void;
};

/** The frame in the size that the terminal has now. */
export function LiveView({ screen, layout, color, readsKeys, onLeave, onKey }: LiveViewProps) {
  const { columns, rows } = useWindowSize();
  useInput(
    (input, key) => {
      if (input === 'q' || (key.ctrl && input === 'c')) return onLeave();
      const found = keyOf(input, key);
      if (found !== undefined) onKey(found);
    },
    { isActive: readsKeys },
  );
  return <Frame lines={layoutScreen(screen, { ...layout, ...frameSize(columns, rows) })} color={color} />;
}

function keyOf(input: string, key: Key): ViewKey | undefined {
  if (key.tab) return key.shift ? 'previous-cluster' : 'next-cluster';
  if (key.rightArrow) return 'next-cluster';
  if (key.leftArrow) return 'previous-cluster';
  if (key.downArrow) return 'down';
  if (key.upArrow) return 'up';
  if (key.pageDown) return 'page-down';
  if (key.pageUp) return 'page-up';
  if (key.escape) return 'back';
  if (input === 'n') return 'next-trouble';
  return input === '?' ? 'keys' : undefined;
}

/**
 * One row less than the terminal has: ink ends a frame with a line feed, which must not scroll. One
 * column less, for a character in the last one leaves some terminals in doubt about where the line ends.
 */
export function frameSize(
  columns: number,
  rows: number,
): { readonly width: number; readonly height: number } {
  return { width: Math.max(1, columns - 1), height: Math.max(1, rows - 1) };
}

/** Lines that are laid out already; nothing is wrapped or cut here. */
export function Frame({ lines, color }: { readonly lines: readonly Line[]; readonly color: boolean }) {
  return (
    <Box flexDirection="column">
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen.
        <Text key={row} wrap="truncate">
          {line.length === 0
            ? ' '
            : line.map(({ text, tone }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a segment is its place in the line.
                <Text key={index} {...(color && tone !== undefined ? styles[tone] : {})}>
                  {text}
                </Text>
              ))}
        </Text>
      ))}
    </Box>
  );
}

const styles: Readonly<Record<Tone, TextProps>> = {
  ok: { color: 'green' },
  busy: { color: 'yellow' },
  bad: { color: 'red' },
  dim: { dimColor: true },
  strong: { bold: true },
};
