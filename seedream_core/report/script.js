const root = document.documentElement;
const remember = (key, value) => { try { localStorage.setItem("seedream." + key, value); } catch (e) { /* a file:// page may have no storage */ } };
const remembered = key => { try { return localStorage.getItem("seedream." + key); } catch (e) { return null; } };
const asked = new URLSearchParams(location.search);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function speak(lang) { root.dataset.lang = lang; root.lang = lang === "zh" ? "zh-CN" : "en"; remember("lang", lang); }
function paint(theme) { root.dataset.theme = theme; remember("theme", theme); }
speak(asked.get("lang") || remembered("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"));
paint(asked.get("theme") || remembered("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));

addEventListener("DOMContentLoaded", () => {
  document.getElementById("lang").onclick = () => speak(root.dataset.lang === "zh" ? "en" : "zh");
  document.getElementById("theme").onclick = () => paint(root.dataset.theme === "dark" ? "light" : "dark");

  const filters = all(".filters button"), few = filters[0];
  filters.forEach(button => button.onclick = () => {
    filters.forEach(other => other.setAttribute("aria-pressed", other === button));
    all(".row").forEach(row => { row.hidden = !row.matches(button.dataset.show); });
  });
  if (few) few.click();

  all("svg.curve").forEach(chart => {
    const points = JSON.parse(chart.dataset.points), here = chart.querySelector(".here");
    const output = chart.closest("div").querySelector("output"), last = output.textContent;
    chart.onpointermove = event => {
      const box = chart.getBoundingClientRect(), x = (event.clientX - box.left) * chart.viewBox.baseVal.width / box.width;
      const near = points.reduce((best, point) => Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
      here.style.visibility = "visible";
      here.children[0].setAttribute("x1", near[0]); here.children[0].setAttribute("x2", near[0]);
      here.children[1].setAttribute("cx", near[0]); here.children[1].setAttribute("cy", near[1]);
      output.textContent = near[2] + " → " + near[3];
    };
    chart.onpointerleave = () => { here.style.visibility = "hidden"; output.textContent = last; };
  });

  all(".viewer").forEach(viewer => {
    const runs = JSON.parse(viewer.querySelector("script").textContent), image = viewer.querySelector("img");
    const slider = viewer.querySelector("input"), label = viewer.querySelector("output"), buttons = all("button", viewer);
    let run = 0;
    const show = step => {
      const pictures = runs[run].pictures, at = Math.max(0, Math.min(pictures.length - 1, step));
      slider.max = pictures.length - 1; slider.value = at;
      image.src = pictures[at].uri;
      label.textContent = pictures[at].step.toLocaleString();
    };
    const choose = index => {
      const share = slider.max > 0 ? slider.value / slider.max : 1;
      run = (index + runs.length) % runs.length;
      buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === run));
      show(Math.round(share * (runs[run].pictures.length - 1)));
    };
    buttons.forEach((button, i) => button.onclick = () => choose(i));
    slider.oninput = () => show(+slider.value);
    addEventListener("keydown", event => {
      const box = viewer.getBoundingClientRect();
      const inView = box.top < innerHeight && box.bottom > 0, mine = viewer.contains(document.activeElement);
      const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key], turn = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (side && inView) { event.preventDefault(); show(+slider.value + side); }
      if (turn && mine) { event.preventDefault(); choose(run + turn); }
    });
    slider.value = slider.max = runs[0].pictures.length - 1;
    choose(0);
  });
});
