/**
 * Renders Java properties as `java.util.Properties.load(InputStream)` reads them: one `key=value` a line,
 * ISO-8859-1 with `\uXXXX` for everything else.
 */
export function renderProperties(entries: Iterable<readonly [key: string, value: string]>): string {
  let text = '';
  for (const [key, value] of entries) text += `${escapeKey(key)}=${escapeValue(value)}\n`;
  return text;
}

/** In keys every space, separator and comment mark is escaped. */
export function escapeKey(key: string): string {
  return escapeCommon(key).replace(/[ :=#!]/g, (character) => `\\${character}`);
}

/** In values only leading spaces are at risk: the reader skips white space after the separator. */
export function escapeValue(value: string): string {
  return escapeCommon(value).replace(/^ +/, (spaces) => '\\ '.repeat(spaces.length));
}

const named: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
};

function escapeCommon(text: string): string {
  let escaped = '';
  // By UTF-16 unit, as Java does: a character outside the BMP becomes two escapes.
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const code = text.charCodeAt(at);
    if (named[character] !== undefined) escaped += named[character];
    else if (code < 0x20 || code > 0x7e) escaped += `\\u${code.toString(16).padStart(4, '0')}`;
    else escaped += character;
  }
  return escaped;
}
