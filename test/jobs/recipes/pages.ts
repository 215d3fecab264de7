/** Pages of our own, for tests and benches. */

export const ADDRESS = 'https://www.example.org/recipes/lemon-cake';

export const jsonLdPage = (value: unknown, head = ''): string =>
  `<!doctype html><html lang="en"><head><title>x</title>${head}
<script type="application/ld+json">${JSON.stringify(value).replace(/</g, '\\u003c')}</script></head><body><p>x</body></html>`;

export const cake = {
  '@context': 'https://schema.org',
  '@type': 'Recipe',
  name: 'Lemon cake',
  author: { '@type': 'Person', name: 'A. Baker' },
  image: ['/cake.jpg', '/cake2.jpg'],
  recipeYield: ['8', '8 slices'],
  prepTime: 'PT15M',
  cookTime: 'PT1H',
  recipeIngredient: ['2 lemons', '200 g flour'],
  recipeInstructions: [
    { '@type': 'HowToStep', text: 'Grate the lemons.' },
    { '@type': 'HowToStep', text: 'Mix &amp; bake.' },
  ],
  nutrition: { '@type': 'NutritionInformation', calories: '300 kcal' },
};

export const microdataPage = `<html lang="de-at"><body>
<div itemscope itemtype="http://schema.org/Recipe">
  <h1 itemprop="name">Apfel<wbr>strudel</h1>
  By <a itemprop="author" href="/people/1">B. Koch</a>
  <img itemprop="image" src="/strudel.jpg">
  <meta itemprop="prepTime" content="PT30M"><time itemprop="cookTime" datetime="PT45M">45 min</time>
  Yield: <span itemprop="recipeYield">6 Stück</span>
  <ul>
    <li itemprop="recipeIngredient"><b>1</b> kg   Äpfel
    <li itemprop="recipeIngredient">250 g <a href="/mehl">Mehl</a>
  </ul>
  <div itemprop="nutrition" itemscope itemtype="http://schema.org/NutritionInformation">
    <span itemprop="calories">250 kcal</span></div>
  <div itemprop="recipeInstructions"><ol><li>Teig ziehen.</li><li>Füllen und<br>rollen.</li></ol><script>x()</script></div>
</div></body></html>`;

export const rdfaPage = `<html><body vocab="https://schema.org/">
<article typeof="Recipe" resource="#r">
  <h1 property="name">Gazpacho</h1>
  <span property="author" typeof="Person"><span property="name">C. Cook</span></span>
  <img property="image" src="gazpacho.jpg">
  <ul><li property="recipeIngredient">1 kg tomatoes</li><li property="recipeIngredient">1 cucumber</li></ul>
  <p property="recipeInstructions">Blend.</p><p property="recipeInstructions">Chill.</p>
  <meta property="totalTime" content="PT20M">
  <meta property="og:title" content="not this">
</article></body></html>`;
