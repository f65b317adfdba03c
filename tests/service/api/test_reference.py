import re

from playwright.sync_api import expect

from service.api import reference
from tests.service.page.conftest import idle_windows, site, visit  # noqa: F401
from tests.service.page.test_templates import violations
from tests.service.support import ROOT


def test_pages_load_nothing_from_other_sites(shared):
    for path in ("/docs", "/docs/reference"):
        page = shared.get(path)
        assert page.content_type == "text/html; charset=utf-8"
        urls = re.findall(r'(?:src|href)="([^"#][^"]*)"', page.text)
        assert urls
        for url in urls:
            assert url.startswith("/"), url
            with shared.get(url) as response:
                assert response.status_code == 200
        cached = shared.get(path, headers={"If-None-Match": page.headers["ETag"]})
        assert cached.status_code == 304


def test_reference_lists_every_operation_without_scripts(shared):
    page = shared.get("/docs/reference").text
    for path, operations in shared.get("/openapi.json").json["paths"].items():
        for method in operations:
            assert f'id="{method.upper()}{path}"' in page
    assert "people | boats | preventions" in page
    assert "<script" not in page


def test_only_the_viewer_allows_inline_styles(shared):
    policies = {
        path: shared.get(path).headers["Content-Security-Policy"]
        for path in ("/docs", "/docs/reference", "/about")
    }
    assert policies["/docs/reference"] == policies["/about"]
    assert "unsafe" not in policies["/about"]
    loosened = policies["/docs"].replace(" 'unsafe-inline'", "", 1)
    assert loosened == policies["/about"]


def test_viewer_is_the_vendored_version():
    version = (ROOT / "scripts" / "vendor").read_text("utf-8").split("fetch rapidoc ")[1].split()[0]
    static = ROOT / "service" / "api" / "static"
    assert f"RapiDoc {version}" in (static / "rapidoc.js").read_text("utf-8")[:100]
    assert "MIT" in (static / "rapidoc.LICENSE.txt").read_text("utf-8")
    assert reference.blueprint.static_folder == str(static)


def test_viewer_sends_a_request(visit):  # noqa: F811
    page = visit("/docs")
    page.get_by_text("/v1/series/{series_id}/totals").click()
    expect(page.get_by_label("series_id", exact=True)).to_have_value("people")
    expect(page.get_by_text(re.compile("people-20251231-")).first).to_be_visible()  # the example
    expect(page.get_by_text("Names of periods: next_7_days").first).to_be_visible()
    assert page.get_by_text("missing-type-info").count() == 0
    page.get_by_label("periods", exact=True).fill("next_week")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("OK:200")).to_be_visible()
    expect(page.get_by_text(re.compile(r"totals\?periods=next_week"))).to_be_visible()
    assert not violations(page)
    page.set_viewport_size({"width": 320, "height": 900})
    assert not violations(page, contrast=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_viewer_sends_the_entered_key(visit):  # noqa: F811
    page = visit("/docs", outage=True)
    page.get_by_placeholder("api-token").fill("crossings_wrong")
    page.get_by_role("button", name="SET").click()
    page.get_by_text("/v1/status").click()
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("the key is not known").first).to_be_visible()
