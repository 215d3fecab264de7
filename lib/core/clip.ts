/** Cuts a line to a number of terminal columns; East Asian and emoji characters take two, marks none. */
export function clip(line: string, columns: number): string {
  const text = line.replaceAll('\u202f', ' ');
  let used = 0;
  let kept = '';
  let keptAtLimit = '';
  for (const char of text) {
    const next = used + columnsOf(char);
    if (next > columns) return `${keptAtLimit}…`;
    if (next <= columns - 1) keptAtLimit = kept + char;
    used = next;
    kept += char;
  }
  return kept;
}

const ZERO = /^[\p{Mn}\p{Me}\u200c\u200d]$/u;
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]$|^\p{Emoji_Presentation}$/u;

function columnsOf(char: string): number {
  const point = char.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  return ZERO.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}
