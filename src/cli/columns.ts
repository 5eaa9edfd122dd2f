/** Which columns a list has: `--columns id,state`, or `-o custom-columns=ID:.id,STATE:.state`. */
import { UsageError } from './errors.ts';
import { type Fields, fieldOf, textOf } from './fields.ts';
import type { Column } from './format/table.ts';

export function chosenColumns<Row>(fields: Fields<Row>, text: string): readonly Column<Row>[] {
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => column(fields, titleOf(name), name, '--columns'));
}

/** As `kubectl` has them; a path is `.` and the name of a field. */
export function customColumns<Row>(fields: Fields<Row>, text: string): readonly Column<Row>[] {
  return text.split(',').map((one) => {
    const match = /^\s*([^:]+):\{?\.?([A-Za-z]+)\}?\s*$/.exec(one);
    const [, title, name] = match ?? [];
    if (title === undefined || name === undefined) {
      throw new UsageError(
        `${JSON.stringify(one)} is no column (-o custom-columns)`,
        'write them as NAME:.field, several with commas: -o custom-columns=ID:.id,STATE:.state',
      );
    }
    return column(fields, title, name, '-o custom-columns');
  });
}

function column<Row>(fields: Fields<Row>, title: string, name: string, where: string): Column<Row> {
  const field = fieldOf(fields, name, where);
  return { title, cell: (row) => textOf(field, row) || '-', shrinkTo: Math.max(8, title.length) };
}

/** `agentId` is read as AGENT ID. */
function titleOf(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
}
