"""/site/: for site admins. Jobs, workers and health add their own pages below it."""

from django.urls import URLPattern, URLResolver, path

from webapp.audit.views import site_audit, site_audit_export
from webapp.site.views import overview, people

urlpatterns: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="site"),
    path("people/", people.people, name="site_people"),
    path("people/new/", people.new_person, name="site_person_new"),
    path("people/<int:person>/", people.person, name="site_person"),
    path("people/<int:person>/reset-link/", people.reset_link, name="site_person_reset_link"),
    path("people/<int:person>/<slug:name>/", people.act_on_person, name="site_person_act"),
    path("workspaces/", overview.workspaces, name="site_workspaces"),
    path("audit/", site_audit, name="site_audit"),
    path("audit/export/", site_audit_export, name="site_audit_export"),
]
