/** Which files of a directory are specs: what stands beside them is left out by everyone who reads one. */

/** Names of files and directories that begin with a dot are never looked at. */
export function isSpecFileName(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.');
}

/** As every spec does, however else it is broken. */
export function namesItsKind(text: string): boolean {
  return /(^|[\s{,])["']?(apiVersion|kind)["']?\s*:/m.test(text);
}
