"""/api/docs: the OpenAPI document as a page that needs no script and nothing from another site."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from services.display.web.endpoint import JSON
from services.display.web.schema import Document

PAGE = Template(Path(__file__).with_name("docs.html").read_text())


def render_docs(document: Document) -> str:
    """Return the page for an OpenAPI document."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return PAGE.substitute(
        description=escape(document["info"]["description"]),
        version=escape(document["openapi"]),
        error=link_to("ErrorInfo"),
        contents="".join(
            f'<li><a href="#{anchor(method, path)}"><code>{method} {escape(path)}</code></a></li>'
            for method, path, _ in operations
        ),
        operations="\n".join(render_operation(*each) for each in operations),
        types="\n".join(render_type(name, schema) for name, schema in document["components"]["schemas"].items()),
    )


def render_operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return the section about one method of one address."""
    rows = [
        (
            each["name"],
            describe(each["schema"]),
            "required" if each["required"] else "",
            escape(each.get("description", "")),
        )
        for each in operation["parameters"]
    ]
    if "requestBody" in operation:
        rows.append(("body", describe(operation["requestBody"]["content"][JSON]["schema"]), "required", ""))
    parameters = table(("Parameter", "Type", "", "Meaning"), rows)
    responses = table(("Status", "Response"), render_responses(operation["responses"]))
    summary = f"<p>{escape(operation['summary'])}.</p>"
    heading = f"<h2><code>{method} {escape(path)}</code></h2>"
    return f'<section id="{anchor(method, path)}">{heading}{summary}{parameters}{responses}</section>'


def render_responses(responses: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a row for each successful status, and one for all errors."""
    for status, response in responses.items():
        if status < "400":
            for media_type, content in response.get("content", {"nothing": {}}).items():
                yield status, describe(content["schema"]) if content.get("schema") else escape(media_type)
    yield ", ".join(status for status in responses if status >= "400"), link_to("ErrorInfo")


def render_type(name: str, schema: Mapping[str, Any]) -> str:
    """Return the section about one type."""
    about = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    if "enum" in schema:
        body = f"<p>{describe(schema)}</p>"
    else:
        fields = schema["properties"].items()
        rows = [(field, describe(kind), escape(kind.get("description", ""))) for field, kind in fields]
        body = table(("Field", "Type", "Meaning"), rows)
    return f'<section id="{name}"><h3>{name}</h3>{about}{body}</section>'


def describe(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words of HTML."""
    if "$ref" in schema:
        return link_to(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(map(describe, schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items") or schema["prefixItems"][0]
        return f"array of {schema.get('maxItems', '')} {describe(items)}"
    limits = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    words = [schema.get("format", schema.get("type", "any")), *limits]
    words += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    words += [f"(default {schema['default']})"] if "default" in schema else []
    return escape(" ".join(words))


def table(heads: tuple[str, ...], rows: Any) -> str:
    """Return a table; its cells are HTML, except the first of each row."""
    lines = [
        f"<tr><th scope='row'><code>{escape(first)}</code></th>"
        + "".join(f"<td>{cell}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    ]
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>" if lines else ""


def link_to(name: str) -> str:
    return f'<a href="#{name}">{name}</a>'


def anchor(method: str, path: str) -> str:
    return f"{method.lower()}{path}".replace("/", "-").replace("{", "").replace("}", "").replace(".", "-")
