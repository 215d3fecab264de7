import { describe, expect, it } from 'vitest';
import { findRecipe } from '../../../lib/jobs/recipes/extract.ts';
import type { Recipe } from '../../../lib/jobs/recipes/recipe.ts';
import { ADDRESS, cake, jsonLdPage, microdataPage, rdfaPage } from './pages.ts';

const find = (html: string, url = ADDRESS) => findRecipe(html, new URL(url));
const recipeIn = (html: string, url = ADDRESS): Recipe => {
  const found = find(html, url);
  if (found === undefined) throw new Error('no recipe');
  return found.recipe;
};
const recipeFrom = (more: Record<string, unknown>): Recipe =>
  recipeIn(jsonLdPage({ ...cake, ...more }));

const CAKE: Recipe = {
  title: 'Lemon cake',
  url: ADDRESS,
  host: 'example.org',
  image: 'https://www.example.org/cake.jpg',
  author: 'A. Baker',
  language: 'en',
  yield: '8 slices',
  times: {
    prep: { iso: 'PT15M', minutes: 15 },
    cook: { iso: 'PT1H', minutes: 60 },
    total: { iso: 'PT1H15M', minutes: 75 },
  },
  ingredients: ['2 lemons', '200 g flour'],
  instructions: [{ steps: ['Grate the lemons.', 'Mix & bake.'] }],
  nutrition: { calories: '300 kcal' },
  syntax: 'json-ld',
};

describe('three syntaxes, one form', () => {
  it('JSON-LD', () => expect(recipeIn(jsonLdPage(cake))).toEqual(CAKE));

  it('microdata', () => {
    expect(recipeIn(microdataPage)).toEqual({
      title: 'Apfelstrudel',
      url: ADDRESS,
      host: 'example.org',
      image: 'https://www.example.org/strudel.jpg',
      author: 'B. Koch',
      language: 'de-AT',
      yield: '6 Stück',
      times: {
        prep: { iso: 'PT30M', minutes: 30 },
        cook: { iso: 'PT45M', minutes: 45 },
        total: { iso: 'PT1H15M', minutes: 75 },
      },
      ingredients: ['1 kg Äpfel', '250 g Mehl'],
      instructions: [{ steps: ['Teig ziehen.', 'Füllen und', 'rollen.'] }],
      nutrition: { calories: '250 kcal' },
      syntax: 'microdata',
    });
  });

  it('RDFa', () => {
    expect(recipeIn(rdfaPage)).toEqual({
      title: 'Gazpacho',
      url: ADDRESS,
      host: 'example.org',
      image: 'https://www.example.org/recipes/gazpacho.jpg',
      author: 'C. Cook',
      times: { total: { iso: 'PT20M', minutes: 20 } },
      ingredients: ['1 kg tomatoes', '1 cucumber'],
      instructions: [{ steps: ['Blend.', 'Chill.'] }],
      syntax: 'rdfa',
    });
  });

  it.each([
    ['vocab with http and no slash', 'vocab="http://schema.org" typeof="Recipe"', ''],
    ['the prefix that is known', 'typeof="schema:Recipe"', 'schema:'],
    ['a prefix of its own', 'prefix="s: https://schema.org/" typeof="s:Recipe"', 's:'],
    ['whole addresses', 'typeof="http://schema.org/Recipe"', 'http://schema.org/'],
  ])('RDFa with %s', (_, attributes, prefix) => {
    const page = `<div ${attributes}><b property="${prefix}name">A</b><i property="${prefix}recipeIngredient">b</i></div>`;
    expect(recipeIn(page)).toMatchObject({ title: 'A', ingredients: ['b'] });
  });

  it('RDFa of other vocabularies is nothing', () => {
    expect(find('<div typeof="Recipe"><b property="name">A</b></div>')).toBeUndefined();
    expect(
      find('<div vocab="http://x.org/" typeof="Recipe"><b property="name">A</b></div>'),
    ).toBeUndefined();
    expect(find('<div prefix="schema: http://x.org/" typeof="schema:Recipe">')).toBeUndefined();
  });

  it('microdata that refers to elements elsewhere, before and behind it', () => {
    const page = `<p id="t"><b itemprop="name">A</b></p>
      <div itemscope itemtype="https://schema.org/Recipe" itemref="t i none"></div>
      <ul id="i"><li itemprop="recipeIngredient">x<li itemprop="recipeIngredient">y</ul>`;
    expect(recipeIn(page)).toMatchObject({ title: 'A', ingredients: ['x', 'y'] });
  });

  it('properties of things within a recipe stay theirs', () => {
    const page = `<div itemscope itemtype="https://schema.org/Recipe"><b itemprop="name">A</b>
      <div itemprop="review" itemscope itemtype="https://schema.org/Review"><b itemprop="name">B</b></div>
      <div itemscope itemtype="https://schema.org/WebSite"><b itemprop="name">C</b></div>
      <i itemprop="recipeIngredient">x</i></div>`;
    expect(recipeIn(page)).toMatchObject({ title: 'A', ingredients: ['x'] });
  });
});

describe('where a recipe stands in JSON-LD', () => {
  const person = { '@type': 'Person', '@id': '#p', name: 'A. Baker' };
  it.each([
    ['a list', [{ '@type': 'WebSite' }, cake]],
    [
      'a graph, with an author by reference',
      { '@graph': [person, { ...cake, author: { '@id': '#p' } }] },
    ],
    ['a graph in a list', [{ '@graph': [[cake]] }]],
    ['the main entity of a page', { '@type': 'WebPage', mainEntity: cake }],
    [
      'an item of a list',
      { '@type': 'ItemList', itemListElement: [{ '@type': 'ListItem', item: cake }] },
    ],
    ['several types', { ...cake, '@type': ['Recipe', 'NewsArticle'] }],
    ['a type as an address', { ...cake, '@type': 'http://schema.org/Recipe' }],
    ['a type with a prefix', { ...cake, '@type': 'schema:Recipe' }],
    ['a type in small letters', { ...cake, '@type': 'recipe' }],
    [
      'two pieces of one thing',
      [
        { '@type': 'Recipe', '@id': '#r', name: cake.name, author: { '@id': '#p' } },
        person,
        { ...cake, '@id': '#r', name: undefined, author: undefined },
      ],
    ],
  ])('%s', (_, value) => expect(recipeIn(jsonLdPage(value))).toEqual(CAKE));

  it('alone, without a page', () => {
    expect(recipeIn(` ${JSON.stringify(cake)}`)).toEqual({ ...CAKE, language: undefined });
  });

  it('a script whose type has capitals, parameters and references', () => {
    for (const type of [
      'Application/LD+JSON',
      'application/ld+json; charset=utf-8',
      'application&#x2F;ld&#x2B;json',
    ]) {
      expect(recipeIn(jsonLdPage(cake).replace('application/ld+json', type))).toEqual(CAKE);
    }
  });

  it('another script that is broken does not matter', () => {
    expect(
      recipeIn(jsonLdPage(cake, '<script type="application/ld+json">{"recipe": </script>')),
    ).toEqual(CAKE);
  });

  it('things that refer to each other in a circle end', () => {
    const circle = [
      { ...cake, '@id': '#a', recipeInstructions: { '@id': '#b' }, author: { '@id': '#b' } },
      {
        '@type': 'ItemList',
        '@id': '#b',
        itemListElement: [{ '@id': '#b' }, 'Bake.', { '@id': '#a' }],
        name: { '@id': '#b' },
      },
    ];
    expect(recipeIn(jsonLdPage(circle)).title).toBe('Lemon cake');
  });
});

describe('which of several recipes', () => {
  const teaser = { '@type': 'Recipe', name: 'Other', url: 'https://www.example.org/other' };
  const other = { ...cake, name: 'Other', url: 'https://www.example.org/other' };
  it('a teaser is none where another has content', () => {
    expect(recipeIn(jsonLdPage([teaser, cake])).title).toBe('Lemon cake');
  });
  it('the one that names this page', () => {
    const own = { ...cake, mainEntityOfPage: { '@id': `${ADDRESS}#x` } };
    expect(find(jsonLdPage([other, own]))).toMatchObject({
      recipe: { title: 'Lemon cake' },
      count: 2,
    });
  });
  it('the one that names what the page calls its address', () => {
    const page = jsonLdPage([cake, other], '<link rel="canonical" href="/other">');
    expect(recipeIn(page).title).toBe('Other');
  });
  it('the whole one, of one that is in two syntaxes', () => {
    const half = { ...cake, recipeInstructions: undefined, url: ADDRESS };
    const page = `${jsonLdPage(half)}${microdataPage.replace('Apfel<wbr>strudel', 'Lemon cake')}`;
    expect(find(page)).toMatchObject({ recipe: { syntax: 'microdata' }, count: 1 });
  });
  it('else the first', () => {
    expect(
      recipeIn(
        jsonLdPage([
          { ...cake, name: 'One' },
          { ...cake, name: 'Two' },
        ]),
      ).title,
    ).toBe('One');
  });
});

describe('fields', () => {
  it.each<[string, unknown, Recipe['instructions']]>([
    ['one text by lines', 'A.\r\nB.\n\nC.', [{ steps: ['A.', 'B.', 'C.'] }]],
    [
      'one text of HTML',
      '<ol><li>A</li><li>B <b>c</b></li></ol><p>D<br/>E',
      [{ steps: ['A', 'B c', 'D', 'E'] }],
    ],
    ['texts', ['A', 'B'], [{ steps: ['A', 'B'] }]],
    ['lists in a list', [[{ '@type': 'HowToStep', text: 'A' }], ['B']], [{ steps: ['A', 'B'] }]],
    [
      'sections',
      [
        {
          '@type': 'HowToSection',
          name: 'Dough',
          itemListElement: [{ '@type': 'HowToStep', text: 'A' }],
        },
        { '@type': 'HowToSection' },
        {
          '@type': 'HowToSection',
          name: 'Filling',
          itemListElement: { '@type': 'HowToStep', text: 'B' },
        },
        { '@type': 'HowToSection', name: 'Icing', item: ['C'] },
        { '@type': 'HowToStep', text: 'D' },
      ],
      [
        { name: 'Dough', steps: ['A'] },
        { name: 'Filling', steps: ['B'] },
        { name: 'Icing', steps: ['C'] },
        { steps: ['D'] },
      ],
    ],
    [
      'an ItemList',
      {
        '@type': 'ItemList',
        itemListElement: [{ '@type': 'ListItem', item: { text: 'A' } }, { name: 'B' }],
      },
      [{ steps: ['A', 'B'] }],
    ],
    [
      'a step of directions and tips',
      [
        {
          '@type': 'HowToStep',
          itemListElement: [
            { '@type': 'HowToDirection', text: 'A.' },
            { '@type': 'HowToTip', text: 'B.' },
          ],
        },
      ],
      [{ steps: ['A. B.'] }],
    ],
    [
      'headings of steps',
      [
        { '@type': 'HowToStep', name: 'Step 1', text: 'A' },
        { '@type': 'HowToStep', name: 'Mix', text: 'Mix it all.' },
        { '@type': 'HowToStep', name: 'Bake:', text: '10 minutes.' },
        { '@type': 'HowToStep', name: 'Serve' },
        { '@type': 'HowToStep', name: '2.' },
      ],
      [{ steps: ['A', 'Mix it all.', 'Bake: 10 minutes.', 'Serve'] }],
    ],
    [
      'what was escaped twice',
      'Saut&amp;eacute; &amp;lt; 5 &lt;b&gt;x',
      [{ steps: ['Sauté < 5 x'] }],
    ],
    ['escaped HTML', '&lt;p&gt;A&lt;/p&gt;&lt;p class="x"&gt;B', [{ steps: ['A', 'B'] }]],
    ['less than', 'Bake <5 minutes & serve', [{ steps: ['Bake <5 minutes & serve'] }]],
  ])('instructions: %s', (_, recipeInstructions, sections) => {
    expect(recipeFrom({ recipeInstructions }).instructions).toEqual(sections);
  });

  it.each<[string, unknown, string[]]>([
    ['a list', ['1  egg ', '', '2&nbsp;eggs'], ['1 egg', '2 eggs']],
    ['one text', '1 egg\n2 eggs', ['1 egg', '2 eggs']],
    ['lists in a list', [['1 egg'], ['2 eggs']], ['1 egg', '2 eggs']],
    [
      'things',
      [{ '@type': 'PropertyValue', name: 'flour', value: 2, unitText: 'cups' }, { name: '1 egg' }],
      ['2 cups flour', '1 egg'],
    ],
    ['texts with languages', [{ '@value': '1 egg', '@language': 'en' }], ['1 egg']],
  ])('ingredients: %s', (_, recipeIngredient, list) => {
    expect(recipeFrom({ recipeIngredient }).ingredients).toEqual(list);
  });

  it('ingredients by their old name', () => {
    expect(recipeFrom({ recipeIngredient: undefined, ingredients: ['1 egg'] }).ingredients).toEqual(
      ['1 egg'],
    );
  });

  it.each([
    ['PT1H30M', 'PT1H30M', 90],
    ['pt90m', 'PT1H30M', 90],
    ['P0Y0M0DT0H35M0.000S', 'PT35M', 35],
    ['P1DT2H', 'PT26H', 1560],
    ['PT1.5H', 'PT1H30M', 90],
    ['PT30S', 'PT30S', 1],
    ['P2W', 'PT336H', 20_160],
    ['T1M33S', 'PT1M33S', 2],
    ['1 hour 30 minutes', 'PT1H30M', 90],
    ['45 min', 'PT45M', 45],
    ['PT0M', 'PT0M', 0],
  ])('time %s', (prepTime, iso, minutes) => {
    expect(recipeFrom({ prepTime }).times?.prep).toEqual({ iso, minutes });
  });

  it.each([
    'P1M',
    'P1Y',
    '30',
    'soon',
    'PT',
    '',
    'PT1H30',
    '2 or 3 hours',
    'PT999999999H',
    `PT${'9'.repeat(100)}M`,
  ])('no time: %j', (prepTime) => expect(recipeFrom({ prepTime }).times?.prep).toBeUndefined());

  it('a total that is stated, that is nothing, that cannot be told', () => {
    expect(recipeFrom({ totalTime: 'PT2H' }).times?.total?.minutes).toBe(120);
    expect(recipeFrom({ totalTime: 'PT0M' }).times?.total?.minutes).toBe(75);
    expect(recipeFrom({ cookTime: undefined }).times?.total).toBeUndefined();
  });

  it.each<[unknown, string | undefined]>([
    [4, '4'],
    ['4 servings', '4 servings'],
    [['4', '4 Portionen'], '4 Portionen'],
    [{ '@type': 'QuantitativeValue', value: 4, unitText: 'cups' }, '4 cups'],
    ['', undefined],
    [null, undefined],
  ])('yield %j', (recipeYield, text) => expect(recipeFrom({ recipeYield }).yield).toBe(text));

  it.each<[unknown, string | undefined]>([
    ['A', 'A'],
    [[{ name: 'A' }, { name: 'B' }, 'A'], 'A, B'],
    [{ '@type': 'Organization', name: { '@value': 'A' } }, 'A'],
    [{ '@type': 'Person' }, undefined],
    [undefined, undefined],
  ])('author %j', (author, text) => expect(recipeFrom({ author }).author).toBe(text));

  it.each<[unknown, string | undefined]>([
    ['//cdn.example.org/a.jpg', 'https://cdn.example.org/a.jpg'],
    [{ '@type': 'ImageObject', url: 'a.jpg' }, 'https://www.example.org/recipes/a.jpg'],
    [['', { contentUrl: 'https://x.org/a.jpg' }], 'https://x.org/a.jpg'],
    ['data:image/png;base64,xx', undefined],
    ['javascript:alert(1)', undefined],
    ['', undefined],
  ])('image %j', (image, text) => expect(recipeFrom({ image }).image).toBe(text));

  it('what the page says of itself where the recipe does not', () => {
    const head = '<base href="/b/"><meta property="og:image" content="p.jpg">';
    expect(recipeIn(jsonLdPage({ ...cake, image: undefined }, head)).image).toBe(
      'https://www.example.org/b/p.jpg',
    );
    expect(recipeIn(jsonLdPage(cake).replace('lang="en"', '')).language).toBeUndefined();
    const locale = '<meta property="og:locale" content="pt_BR">';
    expect(recipeIn(jsonLdPage(cake, locale).replace('lang="en"', '')).language).toBe('pt-BR');
    expect(recipeFrom({ inLanguage: 'zh-hans-cn' }).language).toBe('zh-Hans-CN');
    expect(recipeFrom({ inLanguage: 'English' }).language).toBe('en');
  });

  it('the address that the page has by its own word, where that can be', () => {
    const said = (href: string, url = ADDRESS) =>
      recipeIn(jsonLdPage(cake, `<link rel="canonical" href="${href}">`), url).url;
    expect(said('/recipes/cake', `${ADDRESS}?print=1`)).toBe(
      'https://www.example.org/recipes/cake',
    );
    expect(said('https://example.org/r')).toBe('https://example.org/r');
    expect(said('https://elsewhere.org/r')).toBe(ADDRESS);
    expect(said('/')).toBe(ADDRESS);
    expect(said('javascript:x')).toBe(ADDRESS);
    expect(said('')).toBe(ADDRESS);
  });

  it('words, from lists and from one text', () => {
    const recipe = recipeFrom({
      keywords: 'a, b,a ',
      recipeCuisine: ['X, Y', 'Z'],
      recipeCategory: 'C',
    });
    expect(recipe).toMatchObject({ keywords: ['a', 'b'], cuisine: ['X, Y', 'Z'], category: ['C'] });
  });

  it('names that objects inherit are only names', () => {
    const page = jsonLdPage(cake).replace(
      '"@type":"Recipe"',
      '"@type":"Recipe","__proto__":{"x":1},"constructor":{"name":"y"}',
    );
    expect(recipeIn(page)).toEqual(CAKE);
    const micro = microdataPage.replace(
      'itemprop="recipeYield"',
      'itemprop="__proto__ constructor recipeYield"',
    );
    expect(recipeIn(micro).yield).toBe('6 Stück');
  });
});

describe('pages without a recipe', () => {
  it.each([
    ['nothing', ''],
    ['a text', 'just a text'],
    ['a page of another kind', jsonLdPage({ '@type': 'Article', name: 'Recipe' })],
    ['JSON that is no JSON-LD', '{"a": 1}'],
    ['a recipe in a comment', `<!-- ${jsonLdPage(cake)} -->`],
    ['a recipe in a text area', `<textarea>${microdataPage}</textarea>`],
  ])('%s', (_, page) => expect(find(page)).toBeUndefined());

  it('a script that names one and is broken says so', () => {
    const page = jsonLdPage(cake).replace('"2 lemons"', '"2 "big" lemons"');
    expect(() => find(page)).toThrow(
      /^The page's JSON-LD \(script 1 of 1, \d+ characters\) names a recipe, is not JSON, and cannot be mended without guessing; it begins with "\{/,
    );
  });

  it('elements nested too deep say so, unless the recipe came before', () => {
    const deep = '<div>'.repeat(300_000);
    expect(() => find(deep)).toThrow('more than 1000 deep');
    expect(recipeIn(jsonLdPage(cake) + deep)).toEqual(CAKE);
    expect(recipeFrom({ recipeInstructions: `Bake.${deep}` }).instructions).toEqual([
      { steps: ['Bake.'] },
    ]);
  });

  it('a text that many things refer to ends in a clear failure', () => {
    const text = { '@id': '#t', text: 'x'.repeat(100_000) };
    const recipeInstructions = new Array(100).fill({ '@id': '#t' });
    expect(() => find(jsonLdPage([{ ...cake, recipeInstructions }, text]))).toThrow(
      'more than 2000000 characters',
    );
  });
});
