"""The sources of what is generated in the Helm chart: values, their schema and page, dashboards and alerts."""
