"""Prints the template as AWS would read it: loops expanded, SAM translated, parameters at their defaults, conditions decided.

Run it with the Python of the SAM CLI's environment; tests/e2e/template.rs does.
"""

import json
import sys

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

REGION = "us-east-1"
PSEUDO = {"AWS::Region": REGION, "AWS::StackName": "ferrule", "AWS::AccountId": "123456789012"}


class NoManagedPolicies:
    def load(self):
        return {}


def decide(node, conditions):
    """Replaces every Fn::If by the branch that applies and drops what AWS::NoValue stands for."""
    if isinstance(node, list):
        decided = [decide(item, conditions) for item in node]
        return [item for item in decided if item != {"Ref": "AWS::NoValue"}]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node:
        name, yes, no = node["Fn::If"]
        return decide(yes if conditions[name] else no, conditions)
    decided = {key: decide(value, conditions) for key, value in node.items()}
    return {key: value for key, value in decided.items() if value != {"Ref": "AWS::NoValue"}}


def holds(condition, parameters):
    [(function, arguments)] = condition.items()
    if function == "Fn::Not":
        return not holds(arguments[0], parameters)
    left, right = ((parameters[side["Ref"]] if isinstance(side, dict) else side) for side in arguments)
    return left == right


def main(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    parameters = {name: str(is_["Default"]) for name, is_ in template["Parameters"].items()} | PSEUDO
    expanded = expand_language_extensions(template, parameters, enabled=True).expanded_template
    expanded.pop("Transform")
    for function in expanded["Resources"].values():
        if function["Type"] == "AWS::Serverless::Function":
            function["Properties"]["CodeUri"] = "s3://code/bootstrap.zip"  # what `sam package` would have put there
    plain = transform(expanded, parameters, NoManagedPolicies())
    conditions = {name: holds(condition, parameters) for name, condition in plain.pop("Conditions").items()}
    resources = {
        name: decide(resource, conditions)
        for name, resource in plain["Resources"].items()
        if conditions.get(resource.get("Condition"), True)
    }
    json.dump(resources, sys.stdout, indent=1)


main(sys.argv[1])
