// Validates a CustomResourceDefinition and objects of its kind with the code of the Kubernetes API server.
//
//	validator CRD.yaml < OBJECTS.json
//
// OBJECTS.json is a list of {"object": ..., "old": ...}. The answer is {"definition": [mistake, ...], "objects":
// [{"object": the object with defaults, "mistakes": ["FIELD: message", ...]}, ...]}. With "old", the object is an update.
package main

import (
	"context"
	"encoding/json"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	apiservervalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

type request struct {
	Object map[string]any `json:"object"`
	Old    map[string]any `json:"old"`
}

type answer struct {
	Object   map[string]any `json:"object"`
	Mistakes []string       `json:"mistakes"`
}

type report struct {
	Definition []string `json:"definition"`
	Objects    []answer `json:"objects"`
}

func main() {
	definition := read(os.Args[1])
	found := report{Definition: texts(validation.ValidateCustomResourceDefinition(context.Background(), definition))}
	if len(found.Definition) == 0 {
		var requests []request
		check(json.NewDecoder(os.Stdin).Decode(&requests))
		validator := newValidator(definition)
		for _, one := range requests {
			found.Objects = append(found.Objects, validator.validate(one))
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(found))
}

// read reads a definition as the API server does: strictly, with defaults, in its internal version.
func read(path string) *apiextensions.CustomResourceDefinition {
	data, err := os.ReadFile(path)
	check(err)
	var external v1.CustomResourceDefinition
	check(yaml.UnmarshalStrict(data, &external))
	v1.SetDefaults_CustomResourceDefinition(&external)
	v1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	var internal apiextensions.CustomResourceDefinition
	check(v1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, &internal, nil))
	internal.Status.StoredVersions = []string{internal.Spec.Versions[0].Name}
	return &internal
}

type validator struct {
	structural *schema.Structural
	openapi    apiservervalidation.SchemaValidator
	rules      *cel.Validator
}

func newValidator(definition *apiextensions.CustomResourceDefinition) validator {
	properties := definition.Spec.Validation // a schema that all versions share stands here
	if properties == nil {
		properties = definition.Spec.Versions[0].Schema
	}
	structural, err := schema.NewStructural(properties.OpenAPIV3Schema)
	check(err)
	openapi, _, err := apiservervalidation.NewSchemaValidator(properties.OpenAPIV3Schema)
	check(err)
	return validator{structural, openapi, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
}

func (v validator) validate(one request) answer {
	object := v.completed(one.Object)
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown := pruning.PruneWithOptions(object, v.structural, true, options)
	mistakes := apiservervalidation.ValidateCustomResource(nil, object, v.openapi)
	mistakes = append(mistakes, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
	var old any
	if one.Old != nil {
		old = v.completed(one.Old)
	}
	broken, _ := v.rules.Validate(context.Background(), nil, v.structural, object, old, celconfig.RuntimeCELCostBudget)
	found := texts(append(mistakes, broken...))
	for _, path := range unknown {
		found = append(found, path+": unknown field")
	}
	return answer{object, found}
}

// completed sets the defaults of an object, after the nulls of fields that are not nullable have been removed.
func (v validator) completed(object map[string]any) map[string]any {
	object = withIntegers(object).(map[string]any)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, v.structural)
	defaulting.Default(object, v.structural)
	return object
}

// withIntegers gives whole numbers the type that the API server's decoder gives them.
func withIntegers(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for key := range typed {
			typed[key] = withIntegers(typed[key])
		}
	case []any:
		for index := range typed {
			typed[index] = withIntegers(typed[index])
		}
	case float64:
		if typed == float64(int64(typed)) {
			return int64(typed)
		}
	}
	return value
}

func texts(mistakes field.ErrorList) []string {
	found := []string{}
	for _, mistake := range mistakes {
		found = append(found, mistake.Field+": "+mistake.ErrorBody())
	}
	return found
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
