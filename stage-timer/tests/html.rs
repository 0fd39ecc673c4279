//! The page, in a real browser.
#![cfg(unix)]

#[path = "common/chromium.rs"]
mod chromium;
mod common;
#[path = "common/judges.rs"]
#[expect(dead_code, reason = "the other judges have nothing to say of a page")]
mod judges;

use std::path::PathBuf;

use chromium::Browser;
use common::{ms, paused, seed_run, troubled_run};
use serde_json::json;
use stage_timer::compare::Comparison;
use stage_timer::{Labels, Lang, Outcome, RunRecord, StageKind, Timeline};

struct Page {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

fn page(html: &str) -> Page {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.html");
    std::fs::write(&path, html).unwrap();
    Page {
        path,
        _directory: directory,
    }
}

/// The middle of a stage's bar in the window, in pixels.
fn middle_of(browser: &mut Browser, track: usize, part: f64) -> (f64, f64) {
    // The bars of the lanes begin behind the longest name; where exactly is the page's business. The colour tells.
    let found = browser.eval(&format!(
        "(() => {{
            const canvas = document.getElementById('lanes'), box = canvas.getBoundingClientRect();
            return [box.left + box.width * {part}, box.top + 26 + 8 + 10 + {track} * 36];
        }})()"
    ));
    (found[0].as_f64().unwrap(), found[1].as_f64().unwrap())
}

#[test]
fn the_page_shows_the_run_and_loads_nothing() {
    let Some(mut browser) = Browser::start(1200, 1400) else {
        return;
    };
    let record = seed_run();
    let page = page(&record.to_html());
    browser.open(&page.path, "");
    assert_eq!(browser.text("document.getElementById('title').textContent"), "up (1+2)");
    assert_eq!(browser.text("document.getElementById('outcome').textContent"), "ok");
    assert_eq!(browser.eval("document.querySelectorAll('#rows tr').length"), 12);
    assert_eq!(
        browser.eval("document.querySelectorAll('#rows tr.critical').length"),
        12
    );
    let cards = browser.text("document.getElementById('cards').innerText");
    for word in ["17m 43s", "91.5%", "Wait for VMs ready", "959.1s", "90.2%"] {
        assert!(cards.contains(word), "{word} in {cards}");
    }
    assert!(
        browser
            .text("document.querySelector('#path .bottleneck').innerText")
            .contains("Wait for VMs ready")
    );
    let drawn: u32 = browser
        .text("document.getElementById('lanes').dataset.drawn")
        .parse()
        .unwrap();
    assert!(
        (9..=12).contains(&drawn),
        "{drawn}: what takes a hundredth of a second of these minutes may be hidden"
    );
    // The long wait is drawn in the colour of waiting, and nowhere in that of failure.
    let (x, y) = middle_of(&mut browser, 0, 0.5);
    let colour = browser.eval(&format!(
        "(() => {{
            const canvas = document.getElementById('lanes'), box = canvas.getBoundingClientRect();
            return [...canvas.getContext('2d').getImageData({x} - box.left, {y} - box.top - 7, 1, 1).data];
        }})()"
    ));
    assert_eq!(colour, json!([227, 179, 78, 255]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn pointing_zooming_and_searching_do_what_they_say() {
    let Some(mut browser) = Browser::start(1200, 1400) else {
        return;
    };
    let page = page(&troubled_run().to_html());
    browser.open(&page.path, "");
    let view = |browser: &mut Browser| -> (f64, f64) {
        let canvas = "document.getElementById('lanes').dataset";
        let number = |text: String| text.parse::<f64>().unwrap();
        (
            number(browser.text(&format!("{canvas}.from"))),
            number(browser.text(&format!("{canvas}.to"))),
        )
    };
    assert_eq!(view(&mut browser), (0.0, 65.0));

    // Pointing at the long wait in the main lane tells all about it.
    let (x, y) = middle_of(&mut browser, 0, 0.6);
    browser.mouse("mouseMoved", x, y, &json!({}));
    browser.wait_until("!document.getElementById('tip').hidden");
    let tip = browser.text("document.getElementById('tip').innerText");
    for word in [
        "Wait for VMs ready",
        "60.0s",
        "92.3%",
        "failed: 1 of 3 machines is ready",
        "09:00:01",
    ] {
        assert!(tip.contains(word), "{word} in {tip}");
    }

    // A double click fills the view with it; the button shows everything again.
    browser.click(x, y, 2);
    browser.wait_until(
        "+document.getElementById('lanes').dataset.from < 0 || +document.getElementById('lanes').dataset.to < 64.9",
    );
    let (from, to) = view(&mut browser);
    assert!((from - 0.0).abs() < 1.3 && (61.2..64.0).contains(&to), "{from} {to}");
    browser.eval("document.getElementById('zoom-fit').click()");
    assert_eq!(view(&mut browser), (0.0, 65.0));

    // The wheel with Ctrl zooms around the pointer; without, the page scrolls as ever.
    browser.mouse(
        "mouseWheel",
        x,
        y,
        &json!({"deltaX": 0, "deltaY": -300, "modifiers": 2}),
    );
    browser.wait_until("+document.getElementById('lanes').dataset.to < 64");
    let (from, to) = view(&mut browser);
    assert!(from > 0.0 && to - from < 45.0, "{from} {to}");
    browser.mouse("mousePressed", x, y, &json!({"button": "left", "clickCount": 1}));
    browser.mouse("mouseMoved", x - 100.0, y, &json!({"button": "left", "buttons": 1}));
    browser.mouse(
        "mouseReleased",
        x - 100.0,
        y,
        &json!({"button": "left", "clickCount": 1}),
    );
    let (dragged, _) = view(&mut browser);
    assert!(
        dragged > from,
        "dragging to the left shows what comes later: {from} {dragged}"
    );
    browser.eval("document.dispatchEvent(new KeyboardEvent('keydown', {key: '0', bubbles: true}))");
    assert_eq!(view(&mut browser), (0.0, 65.0));

    // Searching leaves what fits.
    browser.eval("(() => { const f = document.getElementById('filter'); f.value = 'disk full'; f.dispatchEvent(new Event('input')); })()");
    assert_eq!(browser.eval("document.querySelectorAll('#rows tr').length"), 1);
    browser.eval("document.querySelector('#rows tr').click()");
    let (from, to) = view(&mut browser);
    assert!(
        (30.0..32.0).contains(&from) && (41.0..42.0).contains(&to),
        "{from} {to}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn it_speaks_korean_and_is_dark_where_that_is_wanted() {
    let Some(mut browser) = Browser::start(1200, 900) else {
        return;
    };
    let page = page(&seed_run().to_html());
    let background = "getComputedStyle(document.body).backgroundColor";
    browser.prefer("light");
    browser.open(&page.path, "");
    let light = browser.text(background);
    browser.prefer("dark");
    let dark = browser.text(background);
    assert_ne!(light, dark);
    browser.eval("document.querySelector('[data-theme=light]').click()");
    assert_eq!(browser.text(background), light);
    browser.eval("document.querySelector('[data-lang=ko]').click()");
    let text = browser.text("document.body.innerText");
    for word in [
        "총 소요 시간",
        "17분 43초",
        "병목 구간",
        "VM 준비 대기",
        "건너뜀: no VM exists",
        "임계 경로",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert_eq!(browser.text("document.documentElement.lang"), "ko");
    // A link may name all of it.
    browser.prefer("light");
    browser.open(&page.path, "#lang=ko&theme=dark&stage=6");
    assert_eq!(browser.text(background), dark);
    assert_eq!(
        browser.text("document.querySelector('tr.selected td').textContent"),
        "VM 준비 대기"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn names_and_reasons_never_become_markup() {
    let Some(mut browser) = Browser::start(1200, 900) else {
        return;
    };
    let evil = "</script><img src=x onerror=\"window.caught=1\"><script>window.caught=1</script>{{data}}";
    let (clock, builder) = paused(evil);
    let timeline = builder
        .shape(evil)
        .labels(Labels::new().with("a", evil, evil))
        .meta(evil, evil)
        .start();
    let stage = timeline.stage_in("a", StageKind::Waiting, evil.to_owned());
    stage.message(evil);
    clock.advance(ms(500));
    stage.finish(Outcome::failed(evil));
    let record = timeline.finish(Outcome::failed(evil));
    let pages = [record.to_html(), Comparison::of(&record, &record).to_html(Lang::En)];
    for (number, html) in pages.iter().enumerate() {
        let page = page(html);
        if number == 0 {
            browser.open(&page.path, "");
            let (x, y) = middle_of(&mut browser, 0, 0.6);
            browser.mouse("mouseMoved", x, y, &json!({}));
            browser.wait_until("!document.getElementById('tip').hidden");
        } else {
            browser.ask(
                "Page.navigate",
                &json!({"url": format!("file://{}", page.path.display())}),
            );
            browser.wait_until("document.readyState === 'complete' && document.querySelector('table') !== null");
        }
        assert_eq!(browser.eval("document.querySelectorAll('img').length"), 0);
        assert_eq!(browser.eval("window.caught === undefined"), true);
        assert!(
            browser.text("document.body.innerText").contains("onerror"),
            "it is there, as text"
        );
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

#[test]
fn a_hundred_thousand_stages_can_be_looked_at() {
    let Some(mut browser) = Browser::start(1200, 900) else {
        return;
    };
    let timeline = Timeline::start("large");
    for _ in 0..1000 {
        let stage = timeline.stage("outer", StageKind::Waiting);
        for inner in 0..99 {
            stage
                .child("part", StageKind::Working, format!("lane{}", inner % 16))
                .finish(Outcome::Ok);
        }
        stage.finish(Outcome::Ok);
    }
    let record: RunRecord = timeline.finish(Outcome::Ok);
    let page = page(&record.to_html());
    browser.open(&page.path, "");
    assert_eq!(browser.eval("document.querySelectorAll('#rows tr').length"), 500);
    let drawn: u32 = browser
        .text("document.getElementById('lanes').dataset.drawn")
        .parse()
        .unwrap();
    assert!(
        (1000..60_000).contains(&drawn),
        "{drawn} bars: what cannot be seen is not drawn"
    );
    let middle = record.wall.as_secs_f64() / 2.0;
    let fragment = format!("#view={middle},{}", middle + record.wall.as_secs_f64() / 1000.0);
    browser.open(&page.path, &fragment);
    let fewer: u32 = browser
        .text("document.getElementById('lanes').dataset.drawn")
        .parse()
        .unwrap();
    assert!(fewer < 500, "{fewer}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
