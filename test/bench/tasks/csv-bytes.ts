const HEADER = 'id,day,league,home,away,market,selection,price,stake,note\n';

/** At least so many bytes of CSV with ten columns, and how many rows follow the header. */
export function csvBytes(atLeast: number, quoted: boolean): { bytes: Buffer; rows: number } {
  const line = quoted ? quotedLine : plainLine;
  const pieces = [Buffer.from(HEADER)];
  let [size, rows] = [HEADER.length, 0];
  while (size < atLeast) {
    let text = '';
    for (const stop = rows + 1000; rows < stop; rows++) text += line(rows);
    const piece = Buffer.from(text);
    pieces.push(piece);
    size += piece.length;
  }
  return { bytes: Buffer.concat(pieces), rows };
}

const start = (i: number): string => `${i},2024-0${(i % 9) + 1}-1${i % 10}`;
const price = (i: number): string => `${1 + (i % 900) / 100},${i % 97}`;

const plainLine = (i: number): string =>
  `${start(i)},League ${i % 40},Home team ${i % 500},Away team ${i % 499},match odds,home,${price(i)},settled in running at ${i % 60}\n`;

/** Half of the cells are quoted; every eighth row holds a line end and a doubled quote. */
function quotedLine(i: number): string {
  const note =
    i % 8 === 0 ? 'first line\nsecond ""quoted"" line' : `settled, in running at ${i % 60}`;
  return `${start(i)},"League ${i % 40}","Home team, ${i % 500}","Away team ${i % 499}","match odds",home,${price(i)},"${note}"\n`;
}
