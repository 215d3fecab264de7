/** What of Stryker's report (mutation-testing-report-schema 2) is read here. */
export interface MutationReport {
  files: Record<string, { source: string; mutants: Mutant[] }>;
}

interface Mutant {
  mutatorName: string;
  replacement?: string;
  status: string;
  location: { start: { line: number; column: number }; end: { line: number; column: number } };
}

const DETECTED = ['Killed', 'Timeout'];
const UNDETECTED = ['Survived', 'NoCoverage'];

/** Score by file, then each mutant that survived. Invalid and ignored mutants do not count. */
export function scoreTable(reports: readonly MutationReport[]): string {
  const lines = ['| file | mutants | detected | score |', '|---|---|---|---|'];
  const survivors: string[] = [];
  let [all, detected] = [0, 0];
  for (const [file, { source, mutants }] of reports.flatMap(({ files }) => Object.entries(files))) {
    const killed = mutants.filter(({ status }) => DETECTED.includes(status)).length;
    const left = mutants.filter(({ status }) => UNDETECTED.includes(status));
    all += killed + left.length;
    detected += killed;
    lines.push(row(file, killed + left.length, killed));
    for (const mutant of left) survivors.push(`${file}:${described(mutant, source)}`);
  }
  return [...lines, row('all', all, detected), '', 'Not detected:', ...survivors].join('\n');
}

const row = (name: string, mutants: number, detected: number): string =>
  `| ${name} | ${mutants} | ${detected} | ${mutants === 0 ? '-' : `${((100 * detected) / mutants).toFixed(1)} %`} |`;

function described({ status, replacement = '', location }: Mutant, source: string): string {
  const { start, end } = location;
  const line = source.split('\n')[start.line - 1] ?? '';
  const found = line.slice(start.column - 1, end.line === start.line ? end.column - 1 : undefined);
  const brief = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 70);
  return `${start.line} ${status}: ${brief(found)} -> ${brief(replacement)}`;
}
