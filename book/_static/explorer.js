/* The explorer: reads its sliders, looks their setting up in grids, shows what it finds.
   The arithmetic is that of twinprivacy.explorer.interpolation, step by step. */
(() => {
  "use strict";
  const [BAD_YEAR, FEWEST_EXPOSED, STEPS] = [0.005, 100, 60];
  const SIDES = ["value", "low", "high"];

  // Tables ------------------------------------------------------------------------

  function place(axis, position) {
    const points = axis.points;
    if (axis.scale === "exact") return [points.indexOf(position), 0];
    const at = Math.min(Math.max(position, points[0]), points.at(-1));
    let left = 0;
    while (left < points.length - 2 && points[left + 1] <= at) left += 1;
    const [low, high] = [points[left], points[left + 1]];
    if (axis.scale !== "log") return [left, (at - low) / (high - low)];
    return [left, Math.log(at / low) / Math.log(high / low)];
  }

  function lookUp(table, at) {
    let corners = [[0, 1]];
    for (const axis of table.axes) {
      const size = axis.points.length;
      const [left, part] = place(axis, at[axis.name]);
      corners = corners.flatMap(([index, weight]) => [
        [index * size + left, weight * (1 - part)],
        [index * size + Math.min(left + 1, size - 1), weight * part],
      ]);
    }
    const sum = corners.reduce(
      (total, [index, weight]) => total + (weight && weight * table.values[index]),
      0,
    );
    if (table.transform === "log") return Math.exp(sum);
    if (table.transform === "cloglog") return -Math.expm1(-Math.exp(sum));
    return sum;
  }

  // What a setting comes to -------------------------------------------------------

  const exposedPeople = (setting) => Math.max(setting.people * setting.exposed, 1);

  function typical(table, setting) {
    const people = Math.log(exposedPeople(setting));
    const kinds = table.kinds_that_count.filter((kind) => setting.kinds.includes(kind));
    const [[level, both], [, slope]] = table.covariance;
    const variance =
      level + 2 * both * people + slope * people ** 2 +
      (kinds.length * table.kind_error) ** 2;
    return {
      log:
        table.log_usd_of_one_person + table.elasticity * people +
        kinds.length * table.kind_effect,
      reach: Math.sqrt(Math.max(variance, 0)) / table.residual_sd,
    };
  }

  function meanYear(table, setting) {
    const { log, reach } = typical(table, setting);
    const mean = setting.rate * Math.exp(log + table.residual_sd ** 2 / 2);
    const bounds = [table.mean_low, table.mean_high];
    return [mean, ...bounds.map((bound) => mean * lookUp(bound, { reach }))];
  }

  function badYear(table, setting) {
    const { log, reach } = typical(table, setting);
    return [table.chance, table.chance_low, table.chance_high].map((chance) => {
      const points = chance.axes.at(-1).points;
      let [low, high] = [points[0], points.at(-1)];
      const at = (z) => lookUp(chance, { rate: setting.rate, reach, z });
      if (at(low) <= BAD_YEAR) return 0;
      for (let step = 0; step < STEPS; step += 1) {
        const middle = (low + high) / 2;
        if (at(middle) > BAD_YEAR) low = middle;
        else high = middle;
      }
      return Math.exp(log + low * table.residual_sd);
    });
  }

  function curve(grids, setting) {
    const table = grids.loss[setting.view];
    const { log, reach } = typical(table, setting);
    return grids.losses.map((loss) => {
      const z = (Math.log(loss) - log) / table.residual_sd;
      const at = { rate: setting.rate, reach, z };
      return {
        loss_usd: loss,
        chance: lookUp(table.chance, at),
        low: lookUp(table.chance_low, at),
        high: lookUp(table.chance_high, at),
      };
    });
  }

  const mask = (kinds, setting) =>
    kinds.reduce(
      (sum, kind, bit) => sum + (setting.kinds.includes(kind) ? 2 ** bit : 0), 0);

  function within(grid, setting, beyond) {
    const at = { ...setting, mask: mask(grid.kinds ?? [], setting) };
    if (setting.people > grid.ends_at) return [[NaN, NaN, NaN], "not measured"];
    const found = SIDES.map((side) => lookUp(grid[side], at));
    return [found, setting.people <= grid.counted_up_to ? "measured" : beyond];
  }

  function evaluate(grids, setting) {
    const table = grids.loss[setting.view];
    const basis = exposedPeople(setting) < FEWEST_EXPOSED ? "few exposed" : "measured";
    const mean = meanYear(table, setting);
    const results = {
      mean_year: [mean, basis],
      bad_year: [badYear(table, setting), basis],
      person_year: [mean.map((usd) => usd / setting.people), basis],
      unique: within(grids.uniqueness, setting, "at most"),
      linked: within(grids.linkage, setting, "extrapolated"),
    };
    for (const [secret, grid] of Object.entries(grids.inference)) {
      const at = { mask: mask(grid.kinds, setting), decimals: setting.decimals };
      for (const [measure, unit] of [["gain", 100], ["bits", 1]]) {
        const found = SIDES.map((side) => unit * lookUp(grid[`${measure}_${side}`], at));
        results[`${secret}_${measure}`] = [found, "measured"];
      }
    }
    return results;
  }

  // Words -------------------------------------------------------------------------

  const digits = (x, n = 3) =>
    Number(x).toLocaleString("en-US", { maximumSignificantDigits: n });

  function inWords(x) {
    const scales = [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]];
    const scale = scales.find(([size]) => Number(x.toPrecision(3)) >= size);
    return scale ? `${digits(x / scale[0])}\u00a0${scale[1]}` : digits(x);
  }

  function write(x, unit) {
    if (Number.isNaN(x)) return "not available";
    if (unit === "USD") return `USD\u00a0${inWords(x)}`;
    if (unit === "share") return `${digits(100 * x)}\u00a0%`;
    if (unit === "points") return `${x.toFixed(1)}\u00a0points`;
    return `${x.toFixed(2)}\u00a0bits`;
  }

  const atMost = (basis) => (basis === "at most" ? "at most " : "");
  const DECIMALS = ["tens", "whole numbers", "one decimal", "two", "every digit"];
  const TOLD = {
    people: (x) => digits(x, 7),
    days: (x) => `${x} ${x === 1 ? "day" : "days"}`,
    decimals: (x) => DECIMALS[x + 1],
    rate: (x) => `${digits(x, 2)}, one in ${digits(1 / x, 2)} years`,
    exposed: (x) => `${digits(100 * x)}\u00a0%`,
  };

  // Address -----------------------------------------------------------------------

  function fromAddress(grids) {
    const asked = new URLSearchParams(location.hash.slice(1));
    const setting = { ...grids.start };
    for (const name of ["people", "days", "rate", "exposed"]) {
      const number = Number(asked.get(name));
      const [low, high] = grids.ranges[name];
      if (asked.get(name) && number >= low && number <= high) setting[name] = number;
    }
    setting.people = Math.round(setting.people);
    for (const [name, range] of [["decimals", "decimals"], ["width", "widths"]]) {
      const number = Number(asked.get(name) || NaN);
      if (grids.ranges[range].includes(number)) setting[name] = number;
    }
    if (asked.get("view") in grids.loss) setting.view = asked.get("view");
    const kinds = asked.get("kinds")?.split(",");
    if (kinds) setting.kinds = grids.kinds.filter((kind) => kinds.includes(kind));
    return setting;
  }

  function toAddress(setting) {
    const told = new URLSearchParams({ ...setting, kinds: setting.kinds.join(",") });
    return `#${told.toString().replaceAll("%2C", ",")}`;
  }

  // The page ----------------------------------------------------------------------

  function start(root) {
    const read = (id) => JSON.parse(document.getElementById(id).textContent);
    const [grids, chart] = [read("explorer-grids"), read("explorer-chart")];
    const form = root.querySelector("form");
    const results = root.querySelector(".explorer-results");
    const sliders = [...form.querySelectorAll("input[type=range]")];
    let [setting, view, waiting] = [fromAddress(grids), null, 0];

    function fillForm() {
      for (const slider of sliders) {
        const at = setting[slider.name];
        slider.value = slider.dataset.scale === "log" ? Math.log10(at) : at;
      }
      for (const box of form.elements.kinds) {
        box.checked = setting.kinds.includes(box.value);
      }
      form.elements.width.value = setting.width;
      form.elements.view.value = setting.view;
    }

    function readInput(input) {
      if (input.name === "kinds") {
        const boxes = [...form.elements.kinds].filter((box) => box.checked);
        setting.kinds = boxes.map((box) => box.value);
      } else if (input.name === "view") setting.view = input.value;
      else if (input.dataset.scale === "log") {
        const near = Number((10 ** Number(input.value)).toPrecision(2));
        const { low, high } = input.dataset;
        setting[input.name] = Math.min(Math.max(near, Number(low)), Number(high));
      } else setting[input.name] = Number(input.value);
    }

    function showRow(row, [[value, low, high], basis]) {
      const unit = row.dataset.unit;
      const part = (name) => row.querySelector(`[data-part=${name}]`);
      const ends = [low, high].map((x) => write(x, unit)).join(" to ");
      part("value").textContent = atMost(basis) + write(value, unit);
      part("interval").textContent = Number.isNaN(value) ? "" : ends;
      part("of").hidden = ["extrapolated", "not measured"].includes(basis);
      part("basis").textContent = grids.bases[basis];
      Object.assign(row.dataset, { value, low, high, basis });
    }

    function summary(found) {
      const [[mean]] = found.mean_year;
      const [[share], basis] = found.unique;
      return (
        `A mean year costs ${write(mean, "USD")}; ${atMost(basis)}` +
        `${write(share, "share")} of people stand alone in what is held of them.`
      );
    }

    function show(moved) {
      for (const slider of sliders) {
        const words = TOLD[slider.name](setting[slider.name]);
        document.getElementById(`${slider.id}-told`).textContent = words;
        slider.setAttribute("aria-valuetext", words);
      }
      const found = evaluate(grids, setting);
      for (const name of grids.quantities) {
        showRow(results.querySelector(`[data-quantity="${name}"]`), found[name]);
      }
      view?.data("curve", curve(grids, setting)).runAsync();
      clearTimeout(waiting);
      // One sentence for who listens, once the sliders rest.
      waiting = setTimeout(() => {
        root.querySelector(".explorer-summary").textContent = summary(found);
        if (moved) history.replaceState(history.state, "", toAddress(setting));
      }, 150);
    }

    function take(next, moved) {
      setting = next;
      fillForm();
      show(moved);
    }

    async function copy() {
      history.replaceState(history.state, "", toAddress(setting));
      const told = form.querySelector("[data-told=copied]");
      try {
        await navigator.clipboard.writeText(location.href);
        told.textContent = "Copied.";
      } catch {
        told.textContent = `Copy it from the address bar: ${location.href}`;
      }
    }

    root.querySelector(".explorer-note").hidden = true;
    form.hidden = results.hidden = false;
    // No menu: it would lead to an editor on another host.
    const drawn = { mode: "vega", actions: false, renderer: "svg" };
    window.vegaEmbed(root.querySelector(".explorer-chart"), chart, drawn).then((made) => {
      root.explorerView = view = made.view;
      view.data("curve", curve(grids, setting)).runAsync();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      readInput(event.target);
      show(true);
    });
    form.querySelector("[data-action=copy]").addEventListener("click", copy);
    const reset = form.querySelector("[data-action=reset]");
    reset.addEventListener("click", () => take({ ...grids.start }, true));
    window.addEventListener("hashchange", () => take(fromAddress(grids), false));
    take(setting, false);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("explorer");
    if (root) start(root);
  });
})();
