"""What the loopback Hub answers about collections."""

import secrets

from support.loopback.calls import Answer, Call, endpoint
from support.loopback.store import Collection, Refusal


SLUG = r"/api/collections/(?P<slug>[^/]+/[^/]+)"


@endpoint("POST", "/api/collections")
def create(call: Call) -> Answer | dict:
    wanted = call.json
    call.store.check_writer(call.user, wanted["namespace"])
    for collection in call.store.collections.values():
        if (collection.namespace, collection.title) == (wanted["namespace"], wanted["title"]):
            return Answer({"error": "There is a collection of that title", "slug": collection.slug}, 409)
    slug = f"{wanted['namespace']}/{wanted['title'].lower()}-{secrets.token_hex(12)}"
    options = {name: wanted.get(name) for name in ("title", "namespace", "private", "description")}
    call.store.collections[slug] = Collection(slug=slug, **options)
    return described(call.store.collections[slug])


@endpoint("GET", SLUG)
def information(call: Call, slug: str) -> dict:
    return described(found(call, slug))


@endpoint("PATCH", SLUG)
def change(call: Call, slug: str) -> dict:
    collection = found(call, slug, to_write=True)
    collection.private = call.json.get("private", collection.private)
    return {"data": described(collection)}


@endpoint("POST", f"{SLUG}/items")
def add_item(call: Call, slug: str) -> Answer | dict:
    collection, item = found(call, slug, to_write=True), call.json["item"]
    call.store.repository(call.user, item["type"], item["id"], to_write=False)
    if (item["type"], item["id"]) in collection.items:
        return Answer({"error": "The collection has that item"}, 409)
    collection.items.append((item["type"], item["id"]))
    return described(collection)


def found(call: Call, slug: str, *, to_write: bool = False) -> Collection:
    """The collection, if the user may see it and, where that is asked for, change it."""
    collection = call.store.collections.get(slug)
    if collection is None or (collection.private and not call.store.may_write(call.user, collection.namespace)):
        raise Refusal(404, "Collection not found")
    if to_write:
        call.store.check_writer(call.user, collection.namespace)
    return collection


def described(collection: Collection) -> dict:
    items = [
        {"_id": secrets.token_hex(12), "id": id, "type": kind, "position": position}
        for position, (kind, id) in enumerate(collection.items)
    ]
    return {
        "slug": collection.slug,
        "title": collection.title,
        "description": collection.description,
        "owner": {"name": collection.namespace},
        "items": items,
        "lastUpdated": "2026-01-01T00:00:00.000Z",
        "position": 0,
        "private": collection.private,
        "theme": "green",
        "upvotes": 0,
    }
