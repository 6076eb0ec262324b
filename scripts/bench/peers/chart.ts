// Draws a Vega-Lite chart to SVG without a browser.
import { None, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

const { spec } = compile(JSON.parse(process.argv[2] ?? '{}') as TopLevelSpec);
const svg = await new View(parse(spec), { renderer: 'none', logLevel: None }).toSVG();
console.log(JSON.stringify({ svg }));
