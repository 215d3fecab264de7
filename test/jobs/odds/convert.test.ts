import { describe, expect, it } from 'vitest';
import { marketsOf } from '../../../lib/jobs/odds/books.ts';
import {
  type Converted,
  createConverter,
  type Match,
  matchKey,
  type Row,
} from '../../../lib/jobs/odds/convert.ts';
import { isoDate, participant, remembered } from '../../../lib/jobs/odds/match.ts';

const ROW: Row = {
  Div: 'E0',
  Date: '08/08/15',
  HomeTeam: 'Bournemouth',
  AwayTeam: 'Aston Villa',
  FTR: 'A',
  B365H: '2',
  B365D: '3.6',
  B365A: '4',
};
const convert = createConverter();
const matchIn = (done: Converted): Match => {
  if (!('value' in done)) throw new Error(`no value: ${JSON.stringify(done)}`);
  return done.value;
};
const failed = (cells: Row) => {
  const done = convert({ ...ROW, ...cells });
  if (!('code' in done)) throw new Error(`no failure: ${JSON.stringify(done)}`);
  return done;
};

describe('a row', () => {
  it('is a match with its markets, every number with its exact text', () => {
    const done = createConverter({ commission: '2%' })(ROW);
    expect(JSON.stringify(matchIn(done))).toBe(
      '{"div":"E0","date":"2015-08-08","home":"Bournemouth","away":"Aston Villa","result":"A",' +
        '"markets":[{"book":"B365","net":["1.980","3.548","3.940"],' +
        '"overPpm":27778,"fairPpm":[486486,270270,243243]}]}',
    );
  });

  it('is named by division, ISO date and teams', () => {
    expect(matchKey(ROW)).toBe('E0|2015-08-08|Bournemouth|Aston Villa');
    expect(matchKey({ ...ROW, HomeTeam: '  Man   City ' })).toBe(
      'E0|2015-08-08|Man City|Aston Villa',
    );
    expect(matchKey({ ...ROW, Date: ' 31/02/15 ' })).toBe('E0|31/02/15|Bournemouth|Aston Villa');
    expect(matchKey({})).toBe('|||');
  });

  it('has closing and over/under markets, each at the rate of its book', () => {
    const row = {
      ...ROW,
      PSCH: '2.1',
      PSCD: '3.5',
      PSCA: '3.9',
      'PC>2.5': '2.0',
      'PC<2.5': '1.9',
    };
    const { markets } = matchIn(createConverter({ commission: 'PS=2%,P=10%' })(row));
    expect(markets.map(({ book, close, line, net }) => ({ book, close, line, net }))).toEqual([
      { book: 'B365', close: undefined, line: undefined, net: ['2.000', '3.600', '4.000'] },
      { book: 'PS', close: true, line: undefined, net: ['2.078', '3.450', '3.842'] },
      { book: 'P', close: true, line: 2.5, net: ['1.900', '1.810'] },
    ]);
  });

  it('leaves out a result that is none, and reads odds with blanks around', () => {
    const value = matchIn(convert({ ...ROW, FTR: '', B365H: ' 2 ' }));
    expect(value).not.toHaveProperty('result');
    expect(value.markets[0]?.net).toEqual(['2.000', '3.600', '4.000']);
  });

  it('skips a blank market silently and names a partial one', () => {
    const blank = { BWH: '', BWD: ' ', BWA: '' };
    const partial = { IWH: '2', IWD: '', IWA: '3' };
    const value = matchIn(convert({ ...ROW, ...blank, ...partial }));
    expect(value.markets.map((market) => market.book)).toEqual(['B365']);
    expect(value.partial).toEqual(['IWH']);
    expect(matchIn(convert(ROW))).not.toHaveProperty('partial');
  });

  it('is skipped without odds, and when it is blank', () => {
    const none = { B365H: '', B365D: '', B365A: '' };
    expect(convert({ ...ROW, ...none })).toEqual({ skip: 'no odds' });
    expect(convert({ ...ROW, B365A: '' })).toEqual({ skip: 'only partial odds' });
    expect(convert({ Date: '08/08/15', HomeTeam: 'A', AwayTeam: 'B' })).toEqual({
      skip: 'no odds',
    });
    const blank = Object.fromEntries(Object.keys(ROW).map((column) => [column, '']));
    expect(convert(blank)).toEqual({ skip: 'blank row' });
  });

  it('is read by its own columns when they change from row to row', () => {
    const other: Row = { ...ROW, WHH: '2', WHD: '3', WHA: '4' };
    const swapped = Object.fromEntries(Object.entries(other).reverse()) as Row;
    const books = (row: Row) => matchIn(convert(row)).markets.map((market) => market.book);
    for (let i = 0; i < 3; i++) {
      expect(books(ROW)).toEqual(['B365']);
      expect(books(other)).toEqual(['B365', 'WH']);
      expect(books(swapped)).toEqual(['WH', 'B365']);
    }
  });
});

describe('a failure names column, value and bound', () => {
  it.each([
    [{ B365H: '1' }, 'ODDS_TOO_LOW', 'B365H is "1": decimal odds must be above 1.'],
    [{ B365D: '0' }, 'ODDS_TOO_LOW', 'B365D is "0"'],
    [{ B365D: '-2.5' }, 'ODDS_TOO_LOW', 'B365D is "-2.5"'],
    [{ B365H: '1.0000' }, 'ODDS_TOO_LOW', 'above 1'],
    [{ B365A: 'N/A' }, 'ODDS_NOT_A_NUMBER', 'B365A is "N/A": decimal odds are digits with a point'],
    [{ B365A: '2,05' }, 'ODDS_NOT_A_NUMBER', 'such as 2.05'],
    [{ B365A: '2.00001' }, 'ODDS_OUT_OF_RANGE', 'at most 6 digits before the point and 4 after'],
    [{ Date: '31/02/15' }, 'BAD_DATE', 'Date is "31/02/15"'],
    [{ Date: '' }, 'BAD_DATE', 'write a day of the calendar as dd/mm/yy'],
    [{ HomeTeam: ' ' }, 'MISSING_TEAM', 'HomeTeam is blank'],
    [{ AwayTeam: '' }, 'MISSING_TEAM', 'AwayTeam is blank'],
  ])('%j', (cells, code, message) => {
    expect(failed(cells)).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('counts the other bad cells, in a partial market too', () => {
    const message = failed({ B365D: 'x', B365A: '0.5', IWH: '', IWD: '', IWA: '1' }).message;
    expect(message).toContain('B365D is "x"');
    expect(message).toContain('2 other cells of the row');
    expect(failed({ B365D: 'x', B365A: '1' }).message).toContain('1 other cell of the row');
    expect(failed({ B365D: 'x' }).message).not.toContain('other');
  });

  it('says so when a column is not there at all, and cuts a long value', () => {
    const { HomeTeam: _, ...row } = ROW;
    expect(convert(row)).toMatchObject({ message: expect.stringContaining('from the header') });
    const { Date: __, ...undated } = ROW;
    expect(convert(undated)).toMatchObject({
      code: 'BAD_DATE',
      message: expect.stringContaining('Date is missing from the row'),
    });
    expect(failed({ B365H: 'x'.repeat(5000) }).message.length).toBeLessThan(200);
  });
});

describe('columns', () => {
  const books = (header: string) =>
    marketsOf(header.split(',')).map(({ book, close, columns }) => ({ book, close, columns }));

  it('of statistics, handicaps and counts are no markets', () => {
    const header =
      'Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR,HS,AS,HST,AST,HF,AF,HC,AC,HY,AY,HR,AR,' +
      'Bb1X2,BbOU,BbAH,BbAHh,BbMxAHH,BbAvAHH,BbMxAHA,BbAvAHA,B365AHH,B365AHA,B365AH,PAHH,PAHA,AHh,MaxAHH';
    expect(books(header)).toEqual([]);
  });

  it('are a market only when all of them are there', () => {
    expect(books('B365H,B365D')).toEqual([]);
    expect(books('B365>2.5')).toEqual([]);
    expect(books('BFED,BFEA,BFEH')).toHaveLength(1);
  });

  it('of the newest files are known, in the order of the header', () => {
    const prefixes = 'B365,BFD,BMGM,BV,BW,CL,LB,PS,Max,Avg,BFE,1XB,BF,WH,P'.split(',');
    const open = prefixes.map((prefix) => `${prefix}H,${prefix}D,${prefix}A`);
    const closing = prefixes.map((prefix) => `${prefix}CH,${prefix}CD,${prefix}CA`);
    const found = books([...open, ...closing, 'Avg>2.5,Avg<2.5,AvgC>2.5,AvgC<2.5'].join(','));
    expect(found.map(({ book }) => book)).toEqual([...prefixes, ...prefixes, 'Avg', 'Avg']);
    expect(found.filter(({ close }) => close)).toHaveLength(prefixes.length + 1);
    expect(found.at(-1)?.columns).toEqual(['AvgC>2.5', 'AvgC<2.5']);
  });
});

describe('dates and names', () => {
  it.each([
    ['08/08/15', '2015-08-08'],
    ['8/8/15', '2015-08-08'],
    ['07/08/98', '1998-08-07'],
    ['01/01/70', '1970-01-01'],
    ['31/12/69', '2069-12-31'],
    ['29/02/2016', '2016-02-29'],
    ['29/02/2000', '2000-02-29'],
    ['2016-02-29', '2016-02-29'],
    [' 08/08/15 ', '2015-08-08'],
  ])('%j is %s', (text, date) => expect(isoDate(text)).toBe(date));

  it.each([
    '',
    '29/02/2015',
    '29/02/1900',
    '31/04/15',
    '00/01/15',
    '01/00/15',
    '01/13/15',
    '2015-13-01',
    '2015-02-30',
    '1/1/015',
    '08-08-15',
    'Sat',
    '2015-08-08T15:00',
  ])('%j is no date', (text) => expect(isoDate(text)).toBe(''));

  it('names are trimmed, single-spaced and of one Unicode form', () => {
    expect(participant(' Man \t City ')).toBe('Man City');
    expect(participant('Mu\u0308nchen')).toBe('M\u00fcnchen');
  });

  it('are remembered, and forgotten before they fill the memory', () => {
    let calls = 0;
    const twice = remembered((text) => {
      calls++;
      return text + text;
    });
    expect([twice('a'), twice('a'), twice(undefined)]).toEqual(['aa', 'aa', '']);
    expect(calls).toBe(2);
    for (let i = 0; i < 25_000; i++) twice(`name ${i}`);
    expect(twice('a')).toBe('aa');
    expect(calls, 'a was dropped with the 10,000 it was kept with').toBe(25_003);
  });
});
