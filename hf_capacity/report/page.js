// Tables by DataTables and figures by Vega-Lite, both out of this file; without script the page has all the numbers.
const part = (id) => document.getElementById(id).textContent;
async function unpack(id) {
  const bytes = Uint8Array.from(atob(part(id)), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}
const load = async (id) => import(URL.createObjectURL(new Blob([await unpack(id)], { type: "text/javascript" })));

const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
document.getElementById("explore").hidden = false;
await load("figure-library");
const views = {};
for (const [id, spec] of Object.entries(JSON.parse(part("figures")))) {
  const embedded = await vegaEmbed(`#${id}`, spec, {
    renderer: "svg",
    ast: true, // no expression is compiled, which the page's policy forbids
    actions: { export: true, source: false, compiled: false, editor: false },
    tooltip: { theme: isDark ? "dark" : "light" },
  });
  views[id] = embedded.view;
}
const showCurves = (cell) => cell && views.curves.signal("cell", cell).runAsync();
views.sizes.addSignalListener("picked", (_, picked) => showCurves(picked.cell?.[0]));
for (const link of document.querySelectorAll("a[data-cell]")) {
  link.href = "#curves";
  link.addEventListener("click", () => showCurves(link.dataset.cell));
}

document.head.append(Object.assign(document.createElement("style"), { textContent: await unpack("table-style") }));
document.documentElement.classList.toggle("dark", isDark);
const { default: DataTable } = await load("table-library");
for (const table of document.querySelectorAll(".wide table")) {
  new DataTable(table, {
    paging: false,
    info: false,
    autoWidth: false,
    order: [],
    layout: { topStart: "search", topEnd: null },
    columnControl: [["orderAsc", "orderDesc", "search"]],
    ordering: { indicators: false },
  });
}
document.documentElement.dataset.ready = "yes";
