"""The tags of the PDF: what of it is a heading, a table, a formula, and what is not to be read out.

Chromium gives each element of the document a tag, most of them without a meaning. Here these go,
their content belongs to the next that has one, and the file is half as large.
"""

from __future__ import annotations

from collections.abc import Iterator

from pikepdf import Array, Dictionary, Name, Object, Pdf, String

GROUPS = ("/Document", "/Table", "/TR", "/L")
"""Tags that may not hold text themselves."""


def kids(element: Dictionary) -> list[Object | int]:
    """Return what an element holds: pieces of a page's content, by number, and elements."""
    found = element.get("/K", [])
    return list(found) if isinstance(found, Array | list) else [found]


def settled(
    element: Dictionary, owner: Dictionary, heirs: dict[tuple[int, int], Dictionary]
) -> Iterator[Object | int]:
    """Yield what an owner holds in the place of an element below it that is given up."""
    for kid in kids(element):
        if not isinstance(kid, Dictionary):
            owner.Pg = owner.get("/Pg", element.Pg)
            alone = owner.Pg.objgen == element.Pg.objgen
            yield kid if alone else Dictionary(Type=Name.MCR, Pg=element.Pg, MCID=kid)
        elif "/S" not in kid:
            kid.Pg = kid.get("/Pg", element.get("/Pg"))
            yield kid
        elif Name.NonStruct == kid.S and not (owner.S in GROUPS and holds_text(kid)):
            heirs[kid.objgen] = owner
            yield from settled(kid, owner, heirs)
        else:
            kid.S, kid.P = Name.P if Name.NonStruct == kid.S else kid.S, owner
            kid.K = Array([*settled(kid, kid, heirs)])
            if str(kid.get("/Alt", "")).startswith("$"):
                kid.S = Name.Formula
            yield kid


def holds_text(element: Dictionary) -> bool:
    return any(not isinstance(kid, Dictionary) for kid in kids(element))


def simplify(pdf: Pdf) -> None:
    """Give up the tags without a meaning, and call formulas formulas."""
    tree, heirs = pdf.Root.StructTreeRoot, {}
    tree.K.K = Array([*settled(tree.K, tree.K, heirs)])
    for owners in list(tree.ParentTree.Nums)[1::2]:
        if isinstance(owners, Array):  # of the pieces of a page
            for n, owner in enumerate(owners):
                owners[n] = heirs.get(owner.objgen, owner)


def describe_links(pdf: Pdf, pages: dict[str, int]) -> None:
    """Say of each link where it leads."""
    for page in pdf.pages:
        for link in page.get("/Annots", []):
            target = f"page {pages[link.Dest]}" if "/Dest" in link else str(link.A.URI)
            link.Contents = String(target)


def artifacts(content: bytes) -> bytes:
    """Mark what no element of the book has drawn, such as page numbers, as not to be read out."""
    lines, depth = [b"/Artifact BMC"], 0
    for line in content.split(b"\n"):
        opens, closes = line.endswith((b"BDC", b"BMC")), line.endswith(b"EMC")
        if opens and depth == 0:
            lines.append(b"EMC")
        lines.append(line)
        depth += opens - closes
        if closes and depth == 0:
            lines.append(b"/Artifact BMC")
    return b"\n".join([*lines, b"EMC"])
