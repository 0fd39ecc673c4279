"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { run } = data;
  const stages = run.stages;
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const words = {
    en: { total: "Total", waiting: "waiting", working: "working", untracked: "outside of any stage", waitingShare: "Waiting", speedUp: "Parallel speed-up",
      lanes: (n, s) => `${n} lanes, ${s} in sum`, oneLane: "nothing ran side by side", bottleneck: "Bottleneck", ofRun: "of the run", timeline: "Timeline", path: "Critical path", stages: "Stages",
      fit: "Fit", stage: "Stage", lane: "Lane", start: "Start", took: "Took", share: "Share", kind: "Kind", outcome: "Outcome", when: "When",
      filter: "Filter stages", more: (n) => `Show all ${n} stages`, onPath: "on the critical path", said: "Last said", at: "From, to",
      hint: "Drag to move · Ctrl + wheel or + and − to zoom · double-click a stage to fill the view with it · 0 shows everything",
      themes: { auto: "Auto", light: "Light", dark: "Dark" }, skippedOrCancelled: "skipped, cancelled", gap: "outside of any stage", own: "itself",
      outcomes: { ok: "ok", skipped: "skipped", failed: "failed", timed_out: "timed out", cancelled: "cancelled", aborted: "aborted", running: "running" }, started: "started", id: "run" },
    ko: { total: "총 소요 시간", waiting: "대기", working: "작업", untracked: "단계 밖", waitingShare: "대기 시간", speedUp: "병렬 효과",
      lanes: (n, s) => `레인 ${n}개, 합계 ${s}`, oneLane: "병렬로 실행된 단계 없음", bottleneck: "병목 구간", ofRun: "(전체 대비)", timeline: "타임라인", path: "임계 경로", stages: "단계",
      fit: "전체", stage: "단계", lane: "레인", start: "시작", took: "소요", share: "비율", kind: "종류", outcome: "결과", when: "시점",
      filter: "단계 검색", more: (n) => `${n}개 단계 모두 보기`, onPath: "임계 경로에 포함", said: "마지막 메시지", at: "구간",
      hint: "끌어서 이동 · Ctrl + 휠 또는 +, − 로 확대/축소 · 단계를 두 번 클릭하면 그 단계로 확대 · 0 은 전체 보기",
      themes: { auto: "자동", light: "밝게", dark: "어둡게" }, skippedOrCancelled: "건너뜀, 취소됨", gap: "단계 밖", own: "자체",
      outcomes: { ok: "성공", skipped: "건너뜀", failed: "실패", timed_out: "시간 초과", cancelled: "취소됨", aborted: "중단됨", running: "진행 중" }, started: "시작", id: "실행" },
  };
  const children = new Map();
  for (const s of stages) { if (!children.has(s.parent)) children.set(s.parent, []); children.get(s.parent).push(s); }
  const state = { lang: data.lang, theme: "auto", from: 0, to: Math.max(run.wall_s, 1e-6), hover: -1, selected: -1, path: true, all: false, filter: "" };
  let w = words[state.lang];

  // --- texts ---------------------------------------------------------------------------------------------------------
  const secs = (s) => `${s.toFixed(1)}s`;
  const fine = (s) => (s < 0.1 ? `${(s * 1000).toFixed(s < 0.01 ? 2 : 0)}ms` : s < 10 ? `${s.toFixed(2)}s` : secs(s));
  const rough = (s) => {
    const ko = state.lang === "ko";
    const r = Math.round(s), h = Math.floor(r / 3600), m = Math.floor(r / 60) % 60, x = r % 60;
    if (r < 60) return s < 10 ? fine(s) : ko ? `${r}초` : `${r}s`;
    if (h === 0) return ko ? `${m}분 ${x}초` : `${m}m ${String(x).padStart(2, "0")}s`;
    return ko ? `${h}시간 ${m}분` : `${h}h ${String(m).padStart(2, "0")}m`;
  };
  const percent = (x) => `${(x * 100).toFixed(1)}%`;
  const shareOf = (s) => (run.wall_s > 0 ? s / run.wall_s : 0);
  const label = (s) => s.label[state.lang] || s.name;
  const outcomeId = (s) => (s.open && run.state === "running" ? "running" : s.outcome);
  const outcomeText = (s) => w.outcomes[outcomeId(s)] + (s.reason ? `: ${s.reason}` : "");
  const colour = (s) => (s.outcome === "ok" || outcomeId(s) === "running" ? s.kind : s.outcome);
  const clock = (s) => new Date(Date.parse(run.started) + s * 1000 + data.offset_s * 1000).toISOString().slice(11, 19);
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") node.className = value; else if (key === "style") node.style.cssText = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value); else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };

  // --- geometry: each level of each row of each lane is a track; bars of one track never overlap -----------------------
  const LEVEL = 25, BAR = 20, AXIS = 26, PAD = 8, MOST_TRACKS = 400;
  const tracks = [], lanes = [], trackOf = new Array(stages.length).fill(-1);
  {
    let y = AXIS;
    const first = data.levels.map((rows, lane) => {
      const top = y;
      const starts = rows.map((levels) => {
        if (tracks.length + levels > MOST_TRACKS) return -1;
        const start = tracks.length;
        for (let i = 0; i < levels; i++) { tracks.push({ y: y + PAD, lane, bars: [] }); y += LEVEL; }
        return start;
      });
      y += PAD * 2 - (LEVEL - BAR);
      lanes.push({ name: run.totals.lanes[lane].name, busy: run.totals.lanes[lane].busy_s, y: top, height: y - top });
      return starts;
    });
    stages.forEach((stage, i) => {
      const [row, level] = data.places[i], start = first[data.lanes[i]][row];
      if (start < 0) return;
      trackOf[i] = start + level;
      tracks[start + level].bars.push(i);
    });
    lanes.bottom = y;
  }
  const canvas = $("lanes"), overview = $("overview");
  const ctx = canvas.getContext("2d"), octx = overview.getContext("2d");
  const FONT = 'system-ui, "Segoe UI", "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", sans-serif';
  let width = 800, gutter = 150, colours = {};
  const x = (s) => gutter + ((s - state.from) / (state.to - state.from)) * (width - gutter);
  const timeAt = (px) => state.from + ((px - gutter) / (width - gutter)) * (state.to - state.from);
  /** The first bar of a track that ends after `s`. */
  const firstAfter = (bars, s) => {
    let low = 0, high = bars.length;
    while (low < high) { const mid = (low + high) >> 1; if (stages[bars[mid]].end_s < s) low = mid + 1; else high = mid; }
    return low;
  };

  const readColours = () => {
    const style = getComputedStyle(root);
    for (const name of ["panel", "ink", "soft", "line", "band", "working", "waiting", "failed", "off", "critical", "on-bar", "focus"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
    Object.assign(colours, { timed_out: colours.failed, skipped: colours.off, cancelled: colours.off, aborted: colours.off });
  };

  const STEPS = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800];
  const tickText = (s, step) => {
    if (step < 1) return s === 0 ? "0s" : step < 0.001 ? `${(s * 1000).toFixed(2)}ms` : step < 0.1 && state.to < 1 ? `${Math.round(s * 1000)}ms` : `${+s.toFixed(3)}s`;
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60, r = Math.round(s) % 60;
    return h ? `${h}:${String(m).padStart(2, "0")}:${String(r).padStart(2, "0")}` : m ? `${m}:${String(r).padStart(2, "0")}` : `${r}s`;
  };
  const ticks = (count) => {
    const least = (state.to - state.from) / count;
    const step = STEPS.find((s) => s >= least) || least;
    const out = [];
    for (let i = Math.ceil(state.from / step); i * step <= state.to && out.length < 200; i++) out.push(i * step);
    return [out, step];
  };
  const clipped = (text, room, context) => {
    if (context.measureText(text).width <= room) return text;
    let end = text.length;
    while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > room) end -= Math.max(1, Math.floor(end / 8));
    return end > 2 ? `${text.slice(0, end)}…` : "";
  };
  const bar = (context, left, top, wide, high) => { context.beginPath(); context.roundRect(left, top, wide, high, Math.min(4, wide / 2)); context.fill(); };

  const drawLanes = () => {
    const dpr = window.devicePixelRatio || 1, high = lanes.bottom;
    width = canvas.parentElement.clientWidth;
    ctx.font = `600 13px ${FONT}`;
    gutter = Math.min(width * 0.3, Math.max(70, ...lanes.slice(0, 300).map((lane) => ctx.measureText(lane.name).width + 28)));
    canvas.width = Math.round(width * dpr); canvas.height = Math.round(Math.min(high, 30000) * dpr);
    canvas.style.height = `${Math.min(high, 30000)}px`;
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.fillStyle = colours.panel; ctx.fillRect(0, 0, width, high);
    lanes.forEach((lane, i) => { if (i % 2 === 0) { ctx.fillStyle = colours.band; ctx.fillRect(0, lane.y, width, lane.height); } });
    const [marks, step] = ticks(Math.max(2, Math.floor((width - gutter) / 90)));
    ctx.font = `11px ${FONT}`; ctx.textBaseline = "middle";
    for (const mark of marks) {
      const left = Math.round(x(mark)) + 0.5;
      ctx.strokeStyle = colours.line; ctx.beginPath(); ctx.moveTo(left, AXIS - 8); ctx.lineTo(left, high); ctx.stroke();
      const text = tickText(mark, step);
      ctx.fillStyle = colours.soft; if (left + 6 + ctx.measureText(text).width < width) ctx.fillText(text, left + 4, AXIS / 2);
    }
    ctx.save(); ctx.beginPath(); ctx.rect(gutter, 0, width - gutter, high); ctx.clip();
    let drawn = 0;
    const texts = [];
    for (const track of tracks) drawn += drawTrack(track, texts);
    if (state.path) drawPath();
    ctx.font = `12px ${FONT}`;
    for (const [text, left, y, fill] of texts) { ctx.fillStyle = fill; ctx.fillText(text, left, y); }
    ctx.restore();
    for (const lane of lanes) {
      ctx.fillStyle = colours.ink; ctx.font = `600 13px ${FONT}`;
      ctx.fillText(clipped(lane.name, gutter - 20, ctx), 12, lane.y + PAD + BAR / 2);
      ctx.font = `11px ${FONT}`; ctx.fillStyle = colours.soft;
      if (lane.height >= 52) ctx.fillText(secs(lane.busy), 12, lane.y + PAD + BAR / 2 + 18);
    }
    canvas.dataset.drawn = drawn;
  };
  const drawTrack = (track, texts) => {
    let drawn = 0, filled = -1;
    for (let i = firstAfter(track.bars, state.from); i < track.bars.length; i++) {
      const index = track.bars[i], stage = stages[index];
      if (stage.start_s > state.to) break;
      const left = Math.max(x(stage.start_s), gutter - 8), right = Math.min(x(stage.end_s), width + 8);
      if (right <= filled && right - left < 1 && stage.outcome === "ok") continue;
      const wide = Math.max(right - left, 1.5);
      ctx.globalAlpha = state.filter && !matches(stage) ? 0.2 : 1;
      ctx.fillStyle = colours[colour(stage)]; bar(ctx, left, track.y, wide, BAR);
      filled = left + wide; drawn++;
      if (index === state.hover || index === state.selected) {
        ctx.strokeStyle = index === state.selected ? colours.focus : colours.ink; ctx.lineWidth = 2;
        ctx.beginPath(); ctx.roundRect(left + 1, track.y + 1, Math.max(wide - 2, 1), BAR - 2, Math.min(3, wide / 2)); ctx.stroke(); ctx.lineWidth = 1;
      }
      const next = i + 1 < track.bars.length ? x(stages[track.bars[i + 1]].start_s) : width;
      ctx.font = `12px ${FONT}`;
      const text = `${label(stage)}  ${fine(stage.duration_s)}`, inside = Math.max(left, gutter) + 7, room = Math.min(right, width) - inside - 5;
      if (room > 26) texts.push([clipped(text, room, ctx), inside, track.y + BAR / 2 + 0.5, colours["on-bar"]]);
      else if (next - right > 40 && ctx.measureText(text).width < next - right - 12) texts.push([text, right + 6, track.y + BAR / 2 + 0.5, colours.soft]);
    }
    ctx.globalAlpha = 1;
    return drawn;
  };
  const drawPath = () => {
    // Along the bars, and thinner from bar to bar.
    const along = new Path2D(), between = new Path2D();
    let pen = null;
    for (const step of run.critical_path) {
      if (step.end_s < state.from || step.start_s > state.to) { pen = null; continue; }
      const track = step.stage === null ? -1 : trackOf[step.stage - 1];
      if (track < 0) { pen = null; continue; }
      const left = Math.max(x(step.start_s), -10), right = Math.min(x(step.end_s), width + 10), y = tracks[track].y + BAR - 1;
      // The moment that a stage spends between two stages inside of it would only be a spike in the line.
      if (pen && right - left < (children.has(step.stage) ? 4 : 0.4)) continue;
      if (pen && pen[1] !== y) { between.moveTo(pen[0], pen[1]); between.lineTo(pen[0], y); }
      along.moveTo(pen ? pen[0] : left, y); along.lineTo(right, y); pen = [right, y];
    }
    ctx.strokeStyle = colours.critical;
    ctx.lineWidth = 3; ctx.stroke(along);
    ctx.lineWidth = 1.25; ctx.setLineDash([3, 2]); ctx.stroke(between); ctx.setLineDash([]); ctx.lineWidth = 1;
  };
  const drawOverview = () => {
    const dpr = window.devicePixelRatio || 1, wide = overview.clientWidth, high = 44;
    overview.width = Math.round(wide * dpr); overview.height = high * dpr;
    octx.setTransform(dpr, 0, 0, dpr, 0, 0);
    const thin = Math.max(0.6, Math.min(5, (high - 8) / tracks.length)), k = wide / Math.max(run.wall_s, 1e-6);
    octx.globalAlpha = 0.75;
    tracks.forEach((track, row) => {
      let filled = -1;
      for (const index of track.bars) {
        const stage = stages[index], left = stage.start_s * k, right = stage.end_s * k;
        if (right < filled + 0.5) continue;
        octx.fillStyle = colours[colour(stage)]; octx.fillRect(left, 4 + ((high - 8) * row) / tracks.length, Math.max(right - left, 0.7), Math.max(thin - 0.6, 0.6)); filled = right;
      }
    });
    octx.globalAlpha = 1;
    const left = state.from * k, right = state.to * k;
    octx.fillStyle = colours.ink; octx.globalAlpha = 0.12; octx.fillRect(0, 0, left, high); octx.fillRect(right, 0, wide - right, high);
    octx.globalAlpha = 1; octx.strokeStyle = colours.focus; octx.lineWidth = 1.5; octx.strokeRect(left + 0.75, 0.75, Math.max(right - left - 1.5, 2), high - 1.5);
  };
  let queued = false;
  const redraw = () => { if (queued) return; queued = true; requestAnimationFrame(() => { queued = false; drawLanes(); drawOverview(); }); };

  // --- view ------------------------------------------------------------------------------------------------------------
  const SMALLEST = 1e-4;
  const show = (from, to) => {
    const whole = Math.max(run.wall_s, 1e-6);
    const span = Math.min(Math.max(to - from, Math.min(SMALLEST, whole)), whole);
    state.from = Math.min(Math.max(0, from), whole - span); state.to = state.from + span;
    canvas.dataset.from = state.from.toFixed(6); canvas.dataset.to = state.to.toFixed(6);
    redraw();
  };
  const zoom = (factor, around = (state.from + state.to) / 2) => show(around - (around - state.from) * factor, around + (state.to - around) * factor);
  const fit = () => show(0, run.wall_s);
  const fill = (stage) => { const margin = Math.max(stage.duration_s * 0.04, SMALLEST); show(Math.max(0, stage.start_s - margin), Math.min(run.wall_s, stage.end_s + margin)); };
  const stageAt = (px, py) => {
    if (px < gutter) return -1;
    const track = tracks.find((t) => py >= t.y && py < t.y + BAR);
    if (!track) return -1;
    const slack = ((state.to - state.from) / (width - gutter)) * 2, at = timeAt(px);
    for (let i = firstAfter(track.bars, at - slack); i < track.bars.length; i++) {
      const stage = stages[track.bars[i]];
      if (stage.start_s > at + slack) return -1;
      if (stage.end_s >= at - slack) return track.bars[i];
    }
    return -1;
  };
  const select = (index, scroll) => {
    state.selected = index;
    document.querySelectorAll("tr.selected").forEach((row) => row.classList.remove("selected"));
    const row = document.querySelector(`tr[data-stage="${index}"]`);
    if (row) { row.classList.add("selected"); if (scroll) row.scrollIntoView({ block: "nearest" }); }
    redraw();
  };

  // --- tooltip ---------------------------------------------------------------------------------------------------------
  const tip = $("tip");
  const showTip = (index, px, py) => {
    if (index < 0) { tip.hidden = true; return; }
    const s = stages[index], last = (s.notes || []).filter((note) => note.message).at(-1);
    const rows = [[w.lane, s.lane], [w.took, `${fine(s.duration_s)} · ${percent(s.share)}`], [w.at, `+${fine(s.start_s)} → +${fine(s.end_s)} (${clock(s.start_s)} – ${clock(s.end_s)})`], [w.kind, w[s.kind]], [w.outcome, outcomeText(s)]];
    if (s.critical_s > 0) rows.push([w.path, fine(s.critical_s)]);
    if (last) rows.push([w.said, last.message]);
    tip.replaceChildren(el("b", {}, label(s)), el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(px + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${py + 18 + box.height > innerHeight ? Math.max(8, py - box.height - 12) : py + 18}px`;
  };

  // --- cards, path, table ----------------------------------------------------------------------------------------------
  const split = (parts) => el("div", { class: "split" }, ...parts.filter(([, value]) => value > 0).map(([kind, value]) => el("span", { class: kind, style: `flex:${value}` })));
  const lane = (s) => (s.lane === "main" ? "" : ` · ${s.lane}`);
  /** What inside of a stage is the largest part of the critical path, if it is a large one. */
  const largest = (stage) => {
    const inner = (children.get(stage.id) || []).reduce((a, b) => (a && a.critical_s >= b.critical_s ? a : b), null);
    return inner && inner.critical_s >= stage.critical_s * 0.25 ? [`${label(inner)}${lane(inner)} · ${secs(inner.critical_s)}`] : [];
  };
  const cards = () => {
    const t = run.totals, bottleneck = run.bottleneck && stages[run.bottleneck - 1];
    const card = (name, value, more, text) => el("div", { class: "card" }, el("div", { class: "name" }, name), el("div", { class: text ? "value text" : "value", title: text ? value : "" }, value), ...more.map((part) => (typeof part === "string" ? el("div", { class: "more" }, part) : part)));
    $("cards").replaceChildren(
      card(w.total, rough(run.wall_s), [secs(run.wall_s)]),
      card(w.waitingShare, percent(shareOf(t.waiting_s)), [split([["working", t.working_s], ["waiting", t.waiting_s], ["none", t.untracked_s]]),
        `${w.waiting} ${secs(t.waiting_s)} · ${w.working} ${secs(t.working_s)}` + (shareOf(t.untracked_s) >= 0.01 ? ` · ${w.untracked} ${secs(t.untracked_s)}` : "")]),
      card(w.speedUp, `${t.speed_up.toFixed(2)}×`, [t.lanes.length > 1 ? w.lanes(t.lanes.length, secs(t.lane_time_s)) : w.oneLane]),
      ...(bottleneck ? [card(w.bottleneck, label(bottleneck), [`${secs(bottleneck.critical_s)} · ${percent(shareOf(bottleneck.critical_s))} ${w.ofRun} · ${w[bottleneck.kind]}` + lane(bottleneck), ...largest(bottleneck)], true)] : []));
  };
  const pathList = () => {
    const outermost = (children.get(null) || []).filter((s) => s.critical_s > 0);
    $("path-bar").replaceChildren(...run.critical_path.filter((step) => step.stage !== null && shareOf(step.end_s - step.start_s) >= 0.003).map((step) => {
      const s = stages[step.stage - 1], long = step.end_s - step.start_s;
      return el("button", { class: colour(s), style: `flex-grow:${long}`, title: `${label(s)} ${fine(long)}`, onclick: () => { select(s.id - 1, false); fill(s); } }, shareOf(long) > 0.05 ? label(s) : "");
    }));
    const items = [];
    const add = (s, depth) => {
      if (items.length >= 200) return;
      const lane = s.lane === "main" ? null : el("span", { class: "lane" }, ` ${s.lane}`);
      const item = el("li", { class: `${depth ? "inner" : "top"}${run.bottleneck === s.id ? " bottleneck" : ""}` },
        el("span", { class: "what", style: `padding-left:${depth * 20}px`, "data-mark": w.bottleneck }, el("i", { class: `dot ${colour(s)}` }), label(s), lane), el("span", { class: "n" }, secs(s.critical_s)), el("span", { class: "n" }, percent(shareOf(s.critical_s))));
      items.push(item);
      for (const child of children.get(s.id) || []) if (shareOf(child.critical_s) >= 0.005 && depth < 6) add(child, depth + 1);
    };
    for (const s of outermost) add(s, 0);
    $("path").replaceChildren(...items);
  };
  const matches = (s) => `${s.name} ${label(s)} ${s.lane} ${outcomeText(s)}`.toLowerCase().includes(state.filter);
  const order = (() => {
    const out = [], stack = (children.get(null) || []).map((s) => [s, 0]).reverse();
    while (stack.length) { const [s, depth] = stack.pop(); out.push([s, depth]); for (const child of [...(children.get(s.id) || [])].reverse()) stack.push([child, depth + 1]); }
    return out;
  })();
  const FIRST = 500;
  const table = () => {
    const numeric = ["took", "share", "start"];
    $("head").replaceChildren(...["stage", "lane", "start", "took", "share", "when", "kind", "outcome"].map((name) => el("th", { class: numeric.includes(name) ? "n" : name === "when" ? "gantt" : "" }, w[name])));
    const found = state.filter ? order.filter(([s]) => matches(s)) : order;
    const shown = state.all ? found : found.slice(0, FIRST);
    const wall = Math.max(run.wall_s, 1e-6);
    $("rows").replaceChildren(...shown.map(([s, depth]) => el("tr", { "data-stage": s.id - 1, class: s.critical_s > 0 ? "critical" : "", onclick: () => { select(s.id - 1, false); fill(s); } },
      el("td", { style: `padding-left:${12 + Math.min(depth, 20) * 20}px` }, label(s)), el("td", { class: "soft" }, s.lane === "main" ? "" : s.lane), el("td", { class: "n soft" }, `+${secs(s.start_s)}`), el("td", { class: "n" }, secs(s.duration_s)), el("td", { class: "n" }, percent(s.share)),
      el("td", { class: "gantt" }, el("div", { class: "track" }, el("i", { class: colour(s), style: `left:${Math.min(99.5, (s.start_s / wall) * 100)}%;width:${(s.duration_s / wall) * 100}%` }))),
      el("td", {}, w[s.kind]), el("td", { class: `why word-${outcomeId(s)}` }, outcomeText(s)))));
    $("more").hidden = shown.length === found.length; $("more").textContent = w.more(found.length);
    if (state.selected >= 0) document.querySelector(`tr[data-stage="${state.selected}"]`)?.classList.add("selected");
  };
  const texts = () => {
    w = words[state.lang]; root.lang = state.lang;
    const name = run.name + (run.shape ? ` (${run.shape})` : "");
    $("title").textContent = name; document.title = `${name} · ${rough(run.wall_s)}`;
    const over = run.state === "running" ? "running" : run.outcome;
    $("outcome").className = `pill ${over}`; $("outcome").textContent = w.outcomes[over] + (run.reason ? `: ${run.reason}` : "");
    $("about").textContent = [`${w.started} ${run.started.slice(0, 10)} ${run.started.slice(11, 19)}`, `${w.id} ${run.id}`, ...Object.entries(run.meta).map(([key, value]) => `${key} ${value}`), run.recording_error, run.damage].filter(Boolean).join(" · ");
    for (const [id, text] of [["timeline-title", w.timeline], ["path-title", w.path], ["stages-title", w.stages], ["zoom-fit", w.fit], ["hint", w.hint], ["show-path-label", w.path]]) $(id).textContent = text;
    $("filter").placeholder = w.filter; $("filter").setAttribute("aria-label", w.filter);
    canvas.setAttribute("aria-label", `${w.timeline}: ${stages.length}, ${lanes.map((lane) => lane.name).slice(0, 20).join(", ")}`);
    $("legend").replaceChildren(...[["working", w.working], ["waiting", w.waiting], ["failed", w.outcomes.failed], ["skipped", w.skippedOrCancelled], ["line", w.path]].map(([kind, text]) => el("span", {}, el("i", { class: kind }), text)));
    document.querySelectorAll("[data-lang]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.lang === state.lang));
    document.querySelectorAll("button[data-theme]").forEach((b) => { b.textContent = w.themes[b.dataset.theme]; b.setAttribute("aria-pressed", b.dataset.theme === state.theme); });
    cards(); pathList(); table(); redraw();
  };
  const theme = (name) => {
    state.theme = name;
    if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
    readColours(); texts();
  };

  // --- input -----------------------------------------------------------------------------------------------------------
  const local = (event, node) => { const box = node.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, from: state.from, to: state.to, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = local(event, canvas);
    if (drag) {
      const by = ((event.clientX - drag.x) / (width - gutter)) * (drag.to - drag.from);
      drag.moved ||= Math.abs(event.clientX - drag.x) > 3;
      if (drag.moved) { canvas.classList.add("dragging"); tip.hidden = true; show(drag.from - by, drag.to - by); return; }
    }
    const index = stageAt(px, py);
    canvas.classList.toggle("over", index >= 0);
    if (index !== state.hover) { state.hover = index; canvas.dataset.hover = index; redraw(); }
    showTip(index, event.clientX, event.clientY);
  });
  canvas.addEventListener("pointerup", (event) => { if (drag && !drag.moved) select(stageAt(...local(event, canvas)), false); drag = null; canvas.classList.remove("dragging"); });
  canvas.addEventListener("pointerleave", () => { state.hover = -1; tip.hidden = true; redraw(); });
  canvas.addEventListener("dblclick", (event) => { const index = stageAt(...local(event, canvas)); if (index >= 0) fill(stages[index]); else zoom(0.5, timeAt(local(event, canvas)[0])); });
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY * 0.002), timeAt(local(event, canvas)[0])); }
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) { event.preventDefault(); const by = ((event.deltaX || event.deltaY) / width) * (state.to - state.from); show(state.from + by, state.to + by); }
  }, { passive: false });
  let grab = null;
  overview.addEventListener("pointerdown", (event) => {
    const at = (local(event, overview)[0] / overview.clientWidth) * run.wall_s, inside = at > state.from && at < state.to && state.to - state.from < run.wall_s * 0.999;
    grab = { at, offset: inside ? at - state.from : null, span: state.to - state.from }; overview.setPointerCapture(event.pointerId);
  });
  overview.addEventListener("pointermove", (event) => {
    if (!grab) return;
    const at = (local(event, overview)[0] / overview.clientWidth) * run.wall_s;
    if (grab.offset !== null) show(at - grab.offset, at - grab.offset + grab.span); else if (Math.abs(at - grab.at) > run.wall_s * 0.004) show(Math.min(at, grab.at), Math.max(at, grab.at));
  });
  overview.addEventListener("pointerup", () => { grab = null; });
  overview.addEventListener("dblclick", fit);
  addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = (state.to - state.from) * 0.2;
    const act = { "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: fit, ArrowLeft: () => show(state.from - by, state.to - by), ArrowRight: () => show(state.from + by, state.to + by), Escape: () => { select(-1); fit(); } }[event.key];
    if (act && (event.key.length > 1 ? event.key === "Escape" || document.activeElement === canvas : true)) { event.preventDefault(); act(); }
  });
  $("zoom-in").onclick = () => zoom(0.5); $("zoom-out").onclick = () => zoom(2); $("zoom-fit").onclick = fit;
  $("show-path").onchange = (event) => { state.path = event.target.checked; redraw(); };
  $("filter").oninput = (event) => { state.filter = event.target.value.trim().toLowerCase(); table(); redraw(); };
  $("more").onclick = () => { state.all = true; table(); };
  document.querySelectorAll("[data-lang]").forEach((b) => b.addEventListener("click", () => { state.lang = b.dataset.lang; texts(); }));
  document.querySelectorAll("button[data-theme]").forEach((b) => b.addEventListener("click", () => theme(b.dataset.theme)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
  new ResizeObserver(redraw).observe(canvas.parentElement);

  // --- start: a link may name the language, the theme, a stage and a part of the run ------------------------------------
  document.querySelector("main").hidden = false;
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (words[wanted.get("lang")]) state.lang = wanted.get("lang");
  theme(["light", "dark"].includes(wanted.get("theme")) ? wanted.get("theme") : "auto");
  const [from, to] = (wanted.get("view") || "").split(",").map(Number);
  if (to > from) show(from, to); else fit();
  const chosen = Number(wanted.get("stage"));
  if (stages[chosen - 1]) { select(chosen - 1, false); if (!(to > from)) fill(stages[chosen - 1]); }
  requestAnimationFrame(() => requestAnimationFrame(() => { root.dataset.ready = "yes"; }));
})();
