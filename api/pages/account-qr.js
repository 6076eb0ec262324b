// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// A text as a QR code, for the camera of another device.

const svg = 'http://www.w3.org/2000/svg';
/** Light modules around it, without which readers may not find it (ISO/IEC 18004 section 5.3.8). */
const border = 4;

function shape(tag, attributes) {
  const element = document.createElementNS(svg, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Runs of dark modules, line by line, as the steps of a path. */
function steps(modules) {
  const runs = [];
  for (const [y, row] of modules.entries()) {
    for (let x = 0; x < row.length; x += 1) {
      const begin = x;
      while (row[x]) x += 1;
      if (x > begin) runs.push(`M${begin} ${y}h${x - begin}v1h${begin - x}z`);
    }
  }
  return runs.join('');
}

/**
 * `library`: where the modules of the package `qr` are. @returns an image named `label`, dark on light
 * whatever the colours of the page are: many readers know no other. Throws when the text is too long.
 */
export async function drawQr(library, text, label) {
  const { encodeQR } = await import(`${library}/index.js`);
  const modules = encodeQR(text, 'raw', { border });
  const image = shape('svg', {
    ...{ class: 'qr', viewBox: `0 0 ${modules.length} ${modules.length}`, role: 'img', 'aria-label': label },
    'shape-rendering': 'crispEdges',
  });
  image.append(
    shape('rect', { width: '100%', height: '100%', fill: '#fff' }),
    shape('path', { d: steps(modules), fill: '#000' }),
  );
  return image;
}
